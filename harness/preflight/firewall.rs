//! The host's packet filters, as their own tools list them: they explain what a packet that did not arrive shows.

use crate::{
    outcome::chain,
    tool::{ToolCall, Toolbox},
};

/// So many lines explain enough.
const QUOTED: usize = 6;

/// The rules that are in force; each is what the tool printed, or why it could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// `nft list ruleset`; it shows what iptables-nft made, too.
    pub(super) nft: Result<String, String>,
    /// `iptables-save`.
    pub(super) iptables: Result<String, String>,
}

/// Lists the rules.
pub(super) async fn rules(toolbox: &Toolbox) -> Rules {
    let list = async |call: ToolCall| {
        let output = toolbox.run(&call).await;
        output
            .map(|output| output.text())
            .map_err(|error| chain(&error))
    };
    Rules {
        nft: list(ToolCall::new("nft").args(["list", "ruleset"])).await,
        iptables: list(ToolCall::new("iptables-save")).await,
    }
}

impl Rules {
    /// Returns the lines that can drop a packet, or says that nobody could list them.
    pub(super) fn suspects(&self) -> String {
        if let (Err(nft), Err(iptables)) = (&self.nft, &self.iptables) {
            return format!("its rules can't be listed: {nft}; {iptables}");
        }
        let mut found = Vec::new();
        for (tool, text) in [("nft", &self.nft), ("iptables", &self.iptables)] {
            let lines = text.as_deref().unwrap_or_default().lines();
            found.extend(
                lines
                    .map(str::trim)
                    .filter(|line| drops(line))
                    .map(|line| format!("{tool}: {line}")),
            );
        }
        found.truncate(QUOTED);
        if found.is_empty() {
            return "no rule of nft or iptables drops anything: it is something else, a cloud's filter or eBPF".to_owned();
        }
        found.join(" / ")
    }

    /// Tells whether DHCP answers to guests leave with a checksum, or without need for one; an error if nobody could look.
    pub(super) fn fill_checksums(&self) -> Result<bool, String> {
        let (iptables, nft) = (self.iptables.as_deref(), self.nft.as_deref());
        let filled =
            iptables.is_ok_and(|text| text.lines().any(|line| line.contains("--checksum-fill")));
        let cleared =
            nft.is_ok_and(|text| text.lines().any(|line| line.contains("udp checksum set 0")));
        match (iptables, nft) {
            (Err(iptables), Err(nft)) => Err(format!("{iptables}; {nft}")),
            _ => Ok(filled || cleared),
        }
    }
}

/// Tells whether a rule or a chain's policy can drop a packet.
fn drops(line: &str) -> bool {
    let words: Vec<&str> = line.split([' ', ';']).collect();
    let has = |wanted: &str| words.contains(&wanted);
    has("DROP") || has("REJECT") || has("drop") || has("reject")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_drop_are_quoted_and_a_list_that_nobody_has_is_not_an_empty_one() {
        let rules = Rules {
            nft: Err("nft is not installed".to_owned()),
            iptables: Ok("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A INPUT -i dropbox0 -j ACCEPT\n".to_owned()),
        };
        assert_eq!(rules.suspects(), "iptables: :FORWARD DROP [0:0]");
        assert_eq!(rules.fill_checksums(), Ok(false));
        let nft = Rules {
            nft: Ok("chain f { type filter hook forward priority filter; policy drop; }\noifname \"ve-*\" udp dport 68 udp checksum set 0\n".to_owned()),
            ..rules.clone()
        };
        assert!(
            nft.suspects().starts_with("nft: chain f"),
            "{}",
            nft.suspects()
        );
        assert_eq!(nft.fill_checksums(), Ok(true));
        let none = Rules {
            iptables: Err("iptables is not installed".to_owned()),
            ..rules
        };
        assert!(none.suspects().contains("can't be listed") && none.fill_checksums().is_err());
    }

    #[test]
    fn the_rule_of_the_talk_fills_checksums() {
        let line = "-A POSTROUTING -o ve-+ -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill\n";
        let rules = Rules {
            nft: Err(String::new()),
            iptables: Ok(line.to_owned()),
        };
        assert_eq!(rules.fill_checksums(), Ok(true));
    }
}
