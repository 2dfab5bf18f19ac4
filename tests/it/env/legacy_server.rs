//! A small school information system as it answered in 2009: CP1250, sessions, tokens, clocks, odd heads.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use flate2::{Compression, write::GzEncoder};

/// One answer before it goes on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) chunked: bool,
    /// Bytes sent instead of everything else.
    pub(crate) raw: Option<Vec<u8>>,
    /// How many bytes are held back at the end.
    pub(crate) cut: usize,
    /// How long the answer waits.
    pub(crate) delay: Duration,
}

impl Reply {
    /// Replaces bytes of the body; panics where they don't stand.
    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        let (from, to) = (cp1250(from), cp1250(to));
        self.replace_bytes(&from, &to);
    }

    pub(crate) fn replace_bytes(&mut self, from: &[u8], to: &[u8]) {
        let at = self
            .body
            .windows(from.len())
            .position(|window| window == from)
            .expect("the page holds the text that the fault replaces");
        self.body.splice(at..at + from.len(), to.iter().copied());
    }

    /// Compresses the body, as `mod_deflate` does.
    pub(crate) fn pack(&mut self) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.body).unwrap();
        self.body = encoder.finish().unwrap();
        self.header("Content-Encoding", Some("gzip"));
    }

    /// Sets a header, or removes it.
    pub(crate) fn header(&mut self, name: &str, value: Option<&str>) {
        match (
            self.headers.iter_mut().find(|(known, _)| known == name),
            value,
        ) {
            (Some(header), Some(value)) => value.clone_into(&mut header.1),
            (None, Some(value)) => self.headers.push((name.to_owned(), value.to_owned())),
            (_, None) => self.headers.retain(|(known, _)| known != name),
        }
    }
}

/// What is done to pages behind whatever a fault has done to them.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    /// A clock and a token at the end of every line.
    is_noisy: bool,
    /// gzip.
    is_packed: bool,
}

/// Changes an answer, by path.
pub(crate) type Fault = fn(&str, &mut Reply);

/// The server; it answers until the test's process ends.
#[derive(Debug)]
pub(crate) struct LegacyServer {
    pub(crate) url: String,
}

/// What one server remembers.
#[derive(Debug)]
struct Application {
    counter: AtomicU64,
    /// How often the page with a duration that stands still was asked for.
    asked: AtomicU64,
    /// Seconds by which its local time is wrong.
    shift: i64,
    /// What it takes for the second since 1970.
    clock: fn() -> i64,
    /// The time of the first request that wanted it.
    first: OnceLock<String>,
    authority: String,
}

impl LegacyServer {
    /// Starts the application.
    pub(crate) fn start() -> Self {
        Self::with(0, |_, _| {})
    }

    /// Starts it with a local time that is wrong by `shift` seconds, and a fault.
    pub(crate) fn with(shift: i64, fault: Fault) -> Self {
        Self::at(now, shift, fault)
    }

    /// Starts it with a clock of its own.
    pub(crate) fn at(clock: fn() -> i64, shift: i64, fault: Fault) -> Self {
        Self::start_with(clock, shift, fault, Style::default())
    }

    /// Starts it with everything compressed for those who accept that; else as [`Self::noisy`], or as [`Self::with`].
    pub(crate) fn packed(is_noisy: bool, fault: Fault) -> Self {
        let style = Style {
            is_noisy,
            is_packed: true,
        };
        Self::start_with(now, 0, fault, style)
    }

    /// Starts it with a clock and a token at the end of every line of its pages, behind whatever the fault has done to them.
    pub(crate) fn noisy(fault: Fault) -> Self {
        let style = Style {
            is_noisy: true,
            is_packed: false,
        };
        Self::start_with(now, 0, fault, style)
    }

    fn start_with(clock: fn() -> i64, shift: i64, fault: Fault, style: Style) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let application = Arc::new(Application {
            counter: AtomicU64::new(now().unsigned_abs()),
            asked: AtomicU64::new(0),
            shift,
            clock,
            first: OnceLock::new(),
            authority: authority.clone(),
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let application = Arc::clone(&application);
                thread::spawn(move || serve(stream, &application, fault, style));
            }
        });
        Self {
            url: format!("http://{authority}"),
        }
    }
}

fn serve(mut stream: TcpStream, application: &Application, fault: Fault, style: Style) {
    let Some(request) = read(&mut stream) else {
        return;
    };
    let text: String = request.iter().map(|byte| char::from(*byte)).collect();
    let mut words = text.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut reply = application.reply(method, target, &text);
    fault(target.split('?').next().unwrap_or_default(), &mut reply);
    if style.is_noisy {
        application.make_noise(&mut reply);
    }
    if style.is_packed && text.contains("\r\nAccept-Encoding: gzip\r\n") {
        reply.pack();
    }
    thread::sleep(reply.delay);
    let is_old = text
        .lines()
        .next()
        .is_some_and(|line| line.ends_with(" HTTP/1.0"));
    let mut wire = wire(&reply, is_old);
    wire.truncate(wire.len() - reply.cut);
    // The client may have gone.
    let _sent = stream.write_all(&wire);
}

fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut block = [0; 4096];
    loop {
        let count = stream.read(&mut block).ok()?;
        if count == 0 {
            return None;
        }
        request.extend_from_slice(&block[..count]);
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head: String = request[..end]
            .iter()
            .map(|byte| char::from(*byte))
            .collect();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        if request.len() >= end + 4 + length {
            return Some(request);
        }
    }
}

/// Writes an answer; to a client of HTTP/1.0 without chunks, as Apache 1.3 does.
fn wire(reply: &Reply, is_old: bool) -> Vec<u8> {
    if let Some(raw) = &reply.raw {
        return raw.clone();
    }
    let mut wire = format!("{}\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        wire.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if reply.chunked && is_old {
        wire.extend_from_slice(b"Connection: close\r\n\r\n");
        wire.extend_from_slice(&reply.body);
    } else if reply.chunked {
        wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        for chunk in reply.body.chunks(100) {
            wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\n\r\n");
    } else {
        wire.extend_from_slice(format!("Content-Length: {}\r\n\r\n", reply.body.len()).as_bytes());
        wire.extend_from_slice(&reply.body);
    }
    wire
}

#[expect(clippy::disallowed_methods, reason = "the server's own clock")]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Encodes text as the application does.
pub(crate) fn cp1250(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1250.encode(text).0.into_owned()
}

/// Formats a second since 1970 in a zone, in the letters of strftime.
fn clock(format: &str, second: i64, zone: &str) -> String {
    let time = jiff::Timestamp::from_second(second).unwrap();
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let info = zone.to_offset_info(time);
    let hours = info.offset().seconds() / 3600;
    let format = format
        .replace("%:z", &format!("+{hours:02}:00"))
        .replace("%z", &format!("+{hours:02}00"))
        .replace("%Z", info.abbreviation());
    zone.to_datetime(time).strftime(&format).to_string()
}

/// Returns the session's id in a query.
fn in_query(target: &str) -> Option<&str> {
    let (_, id) = target.split_once("PHPSESSID=")?;
    (id.len() == 32).then_some(id)
}

impl Application {
    fn random(&self) -> String {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!(
            "{:016x}{:016x}",
            mixed,
            mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(17)
        )
    }

    /// Lets every line of a page vary; its letters are those of every charset.
    fn make_noise(&self, reply: &mut Reply) {
        if !reply.body.starts_with(b"<html>") {
            return;
        }
        let time = clock("%H:%M:%S", (self.clock)(), "Europe/Bratislava");
        let lines = reply.body.split_inclusive(|&byte| byte == b'\n');
        reply.body = lines
            .flat_map(|line| {
                let (text, end) = line.split_at(line.trim_ascii_end().len());
                let noise = format!(" <i>{time} {}</i>", self.random());
                [text, noise.as_bytes(), end].concat()
            })
            .collect();
    }

    fn page(&self, head: &str, body: &str) -> Reply {
        let html = format!(
            "<html><head>{head}<title>Škola</title></head>\r\n<body>\r\n{body}\r\n<hr>Základná škola, Žilina\r\n</body></html>\r\n"
        );
        Reply {
            status: "HTTP/1.1 200 OK".to_owned(),
            headers: vec![
                (
                    "Date".to_owned(),
                    clock("%a, %d %b %Y %H:%M:%S GMT", (self.clock)(), "UTC"),
                ),
                ("Server".to_owned(), "Apache/1.3.35 (Unix)".to_owned()),
                ("X-Powered-By".to_owned(), "PHP/4.4.4".to_owned()),
                ("Content-Type".to_owned(), "text/html".to_owned()),
            ],
            body: cp1250(&html),
            chunked: true,
            raw: None,
            cut: 0,
            delay: Duration::ZERO,
        }
    }

    fn redirect(&self, location: &str) -> Reply {
        let mut reply = self.page("", "presmerovanie");
        "HTTP/1.1 302 Found".clone_into(&mut reply.status);
        reply.header("Location", Some(location));
        reply
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one table of routes reads best in one piece"
    )]
    fn reply(&self, method: &str, target: &str, request: &str) -> Reply {
        const META: &str =
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1250\">";
        let session = request
            .lines()
            .find_map(|line| line.strip_prefix("Cookie: "))
            .and_then(|cookies| {
                cookies
                    .split("; ")
                    .find_map(|pair| pair.strip_prefix("PHPSESSID="))
            })
            .map(str::to_owned);
        match (method, target.split('?').next().unwrap_or_default()) {
            ("GET", "/login.php") => {
                let token = self.random();
                let mut reply = self.page(
                    META,
                    &format!(
                        "<form method=post action=\"login.php\"><input type=hidden name=token value=\"{token}\">\r\n<a href=\"?t={token}\">ďalej</a></form>"
                    ),
                );
                let session = session.unwrap_or_else(|| self.random());
                reply.header("Set-Cookie", Some(&format!("PHPSESSID={session}; path=/")));
                reply
                    .headers
                    .push(("Set-Cookie".to_owned(), "lang=slovak; path=/".to_owned()));
                reply
            }
            ("POST", "/login.php")
                if session.is_some()
                    && request.contains("token=")
                    && request.contains("meno=u%E8ite%BE") =>
            {
                self.redirect("zoznam.php?trieda=1.A")
            }
            ("GET", "/zoznam.php") if session.is_some() => self.list(META, &session.unwrap()),
            ("GET", "/header.php") => {
                let mut reply = self.page("", "Hľadaný výraz");
                reply.header("Content-Type", Some("text/html; charset=windows-1250"));
                reply
            }
            ("GET", "/static.html") => {
                let mut reply = self.page("", "Vitajte na stránkach školy");
                reply.chunked = false;
                reply.header("Last-Modified", Some("Tue, 01 Sep 2009 08:00:00 GMT"));
                reply.header(
                    "ETag",
                    Some(&format!("\"{:x}-e-6b04e150\"", self.shift + 0xa0c_55f)),
                );
                reply
            }
            ("GET", "/crc.php") => self.page(META, "<p>crc: -1098453117</p>"),
            ("GET", "/stoji") => {
                let now = clock("%H:%M", (self.clock)(), "Europe/Bratislava");
                let first = self.first.get_or_init(|| now);
                self.page(META, &format!("Schôdza o {first} v zborovni"))
            }
            ("GET", "/ide") => {
                let now = clock("%H:%M", (self.clock)(), "Europe/Bratislava");
                self.page(META, &format!("Je {now} hodín"))
            }
            ("GET", "/rychla") => {
                let asked = self.asked.fetch_add(1, Ordering::Relaxed);
                let duration = if asked < 3 { "0.0016" } else { "0.0017" };
                self.page(META, &format!("Kurz 30,1260 | za {duration} s"))
            }
            ("GET", "/kalendar.php") => self.calendar(META),
            ("GET", "/obr.png") => {
                let mut reply = self.page("", "");
                reply.header("Content-Type", Some("image/png"));
                reply.body =
                    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x20\x08\x02\0\0\0rest of it"
                        .to_vec();
                reply
            }
            ("GET", "/stare") => self.redirect(&format!("http://{}/static.html", self.authority)),
            ("GET", "/dokola") => self.redirect("/dokola"),
            ("GET", "/nahodne") => {
                let names = ["Jano", "Fero", "Mišo", "Ďuro", "Paľo"];
                let number = self.counter.fetch_add(1, Ordering::Relaxed);
                self.page(META, names[usize::try_from(number % 5).unwrap()])
            }
            ("POST", "/upload.php") => {
                let is_right = request.contains("name=\"n\u{e1}zov\"")
                    && request.contains("filename=\"foto.png\"");
                self.page(META, if is_right { "Súbor prijatý" } else { "chyba" })
            }
            // A session that no cookie carries: `session.use_trans_sid` puts it into links.
            ("GET", "/adresar.php") => {
                let id = in_query(target).map_or_else(|| self.random(), str::to_owned);
                let links = format!(
                    "<a href=\"adresar.php?PHPSESSID={id}\">adresár</a>\r\n<a href=\"osoba.php?meno=%8Eofia&amp;PHPSESSID={id}#dole\">Žofia</a>"
                );
                self.page(META, &links)
            }
            ("GET", "/osoba.php") => {
                let answer = in_query(target).map_or("Neznámy návštevník", |_| "Žofia, 3.B");
                self.page(META, answer)
            }
            ("POST", "/pridaj.php") => {
                let row = self.counter.fetch_add(1, Ordering::Relaxed) % 1000 + 5000;
                self.redirect(&format!("detail.php?id={row}"))
            }
            ("GET", "/detail.php") => {
                let id = target.rsplit('=').next().unwrap_or_default();
                self.page(META, &format!("<b>Žiak</b> číslo {id}"))
            }
            _ => {
                let port = self.authority.rsplit(':').next().unwrap();
                let mut reply = self.page(
                    "",
                    &format!("<address>Apache/1.3.35 Server at 127.0.0.1 Port {port}</address>"),
                );
                "HTTP/1.1 404 Not Found".clone_into(&mut reply.status);
                reply
            }
        }
    }

    /// The page with everything that names a day: in Slovak, Czech, English and German, beside fixed days.
    #[expect(
        clippy::too_many_lines,
        reason = "tables of names, and a page of one line each"
    )]
    fn calendar(&self, head: &str) -> Reply {
        const SLOVAK_DAYS: [&str; 7] = [
            "pondelok", "utorok", "streda", "štvrtok", "piatok", "sobota", "nedeľa",
        ];
        const CZECH_DAYS: [&str; 7] = [
            "pondělí",
            "úterý",
            "středa",
            "čtvrtek",
            "pátek",
            "sobota",
            "neděle",
        ];
        const SHORT_DAYS: [&str; 7] = ["Po", "Ut", "St", "Št", "Pi", "So", "Ne"];
        const SLOVAK_MONTHS: [&str; 12] = [
            "januára",
            "februára",
            "marca",
            "apríla",
            "mája",
            "júna",
            "júla",
            "augusta",
            "septembra",
            "októbra",
            "novembra",
            "decembra",
        ];
        const CZECH_MONTHS: [&str; 12] = [
            "leden",
            "únor",
            "březen",
            "duben",
            "květen",
            "červen",
            "červenec",
            "srpen",
            "září",
            "říjen",
            "listopad",
            "prosinec",
        ];
        let local = (self.clock)() + self.shift;
        let of = |format: &str| clock(format, local, "Europe/Bratislava");
        let number = |format: &str| of(format).parse::<usize>().unwrap() - 1;
        let (day, month) = (number("%u"), number("%m"));
        let expiry = clock(
            "%a, %d-%b-%Y %H:%M:%S GMT",
            (self.clock)() + 30 * 86_400,
            "UTC",
        );
        let body = [
            format!(
                "<p>Dnes je {} {}. {} {}",
                SLOVAK_DAYS[day],
                of("%-d"),
                SLOVAK_MONTHS[month],
                of("%Y")
            ),
            format!("<p>Rozvrhový deň: {}", CZECH_DAYS[day]),
            format!(
                "<p>{} {} {}",
                SHORT_DAYS[day],
                of("%-d.%-m."),
                of("%H:%M:%S")
            ),
            format!("<p>kalendář: {} {}", CZECH_MONTHS[month], of("%Y")),
            of("<p>Printed on %A, %B %-d, %Y at %H:%M:%S"),
            of("<p>Pásmo: %Z %z"),
            of("<p>%Y-%m-%dT%H:%M:%S%:z"),
            of("<p>%a, %d %b %Y %H:%M:%S %z"),
            "<p>Zber papiera bude v utorok, schôdza 3.9.2004 o 16:30.".to_owned(),
            "<p>&copy; 2003-2006".to_owned(),
        ]
        .join("\r\n");
        let mut reply = self.page(head, &body);
        reply.header(
            "Set-Cookie",
            Some(&format!("styl=1; expires={expiry}; Max-Age=2592000")),
        );
        reply.header(
            "Last-Modified",
            Some(&clock("%a, %d %b %Y %H:%M:%S GMT", (self.clock)(), "UTC")),
        );
        reply.chunked = false;
        reply
    }

    /// The page with everything that varies: clock, date, duration, session id.
    fn list(&self, head: &str, session: &str) -> Reply {
        let local = (self.clock)() + self.shift;
        let time = clock("%d.%m.%Y %H:%M:%S", local, "Europe/Bratislava");
        let today = clock("%d.%m.%Y", local, "Europe/Bratislava");
        let duration = format!(
            "0.{:04}",
            self.counter.fetch_add(7, Ordering::Relaxed) % 9000 + 1000
        );
        let row = |number: u8, name: &str| {
            format!("<tr><td>{number}</td><td>{name}</td><td><a href=\"d.php?id={number}&PHPSESSID={session}\">→</a></td></tr>\r\n").replace('→', "detail")
        };
        let rows: String = [(1, "Čierna Ľubica"), (2, "Ďurica Šimon"), (3, "Žák Ťažký")]
            .into_iter()
            .map(|(number, name)| row(number, name))
            .collect();
        let mut reply = self.page(
            head,
            &format!(
                "<h1>Trieda 1.A</h1>\r\n<p>Dnes je {today}, vytlačené {time}</p>\r\n<table>\r\n{rows}</table>\r\nPriemer 1,57 | vygenerované za {duration} s"
            ),
        );
        reply.header("Expires", Some("Thu, 19 Nov 1981 08:52:00 GMT"));
        reply
    }
}
