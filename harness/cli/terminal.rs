//! Progress on the terminal: a line a step, a bar where something is counted; plain lines where it isn't a terminal and
//! `-v` was given, silence otherwise.

use std::{
    io::{self, IsTerminal},
    sync::Mutex,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use migrate_verify::progress::{Event, Observer};

use super::output;

/// Shows events to a person.
#[derive(Debug)]
pub(crate) struct Terminal {
    verbose: bool,
    bar: Option<Mutex<ProgressBar>>,
}

impl Terminal {
    pub(crate) fn new(verbose: bool) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            Mutex::new(bar)
        });
        Self { verbose, bar }
    }

    fn with_bar(&self, show: impl FnOnce(&ProgressBar)) -> bool {
        if let Some(bar) = &self.bar {
            show(&bar.lock().expect("no code panics while it holds the bar"));
        }
        self.bar.is_some()
    }

    fn line(&self, text: &str) {
        let printed = self.with_bar(|bar| bar.println(text));
        if !printed && self.verbose {
            output::message("progress", text);
        }
    }
}

impl Observer for Terminal {
    fn observe(&self, event: Event) {
        match event {
            Event::Started { what } => {
                let shown = self.with_bar(|bar| {
                    bar.set_style(ProgressStyle::default_spinner());
                    bar.set_message(format!("{what} …"));
                });
                if !shown {
                    self.line(&format!("{what} …"));
                }
            }
            Event::Finished { what, how } => self.line(&format!("{what}: {how}")),
            Event::Counted { what, done, total } => {
                self.with_bar(|bar| {
                    let style =
                        ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len}")
                            .unwrap_or_else(|_| ProgressStyle::default_bar());
                    bar.set_style(style);
                    bar.set_length(total);
                    bar.set_position(done);
                    bar.set_message(what);
                });
            }
            Event::Note(text) => self.line(&text),
            Event::Paused => {
                self.with_bar(ProgressBar::finish_and_clear);
            }
        }
    }
}
