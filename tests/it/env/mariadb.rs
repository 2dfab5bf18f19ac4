//! A MariaDB of a test's own: data, socket and port nobody else uses, gone when the test is.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use migrate_verify::database::{DatabaseAddress, Manners, Password, Target};
use mysql_async::{
    Conn, OptsBuilder,
    prelude::{FromRow, Queryable},
};

/// How long a server may take to start.
const START: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub(crate) struct MariaDb {
    folder: tempfile::TempDir,
    server: Child,
    /// The port it listens on at 127.0.0.1.
    pub(crate) port: u16,
}

impl MariaDb {
    /// Makes an empty server and starts it; `options` go to its command line.
    pub(crate) fn start(options: &[&str]) -> Self {
        for program in ["/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db"] {
            assert!(
                Path::new(program).exists(),
                "{program} is missing: apt-get install mariadb-server-core mariadb-client-core"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        install(folder.path(), &log);
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = command("/usr/sbin/mariadbd")
            .args([
                "--no-defaults",
                "--user=root",
                "--bind-address=127.0.0.1",
                "--innodb-flush-log-at-trx-commit=0",
                "--skip-log-bin",
            ])
            .args([
                "--character-set-server=cp1250",
                "--collation-server=cp1250_czech_cs",
                "--sql-mode=",
            ])
            .arg(format!(
                "--datadir={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--port={port}"))
            .arg(format!(
                "--socket={}",
                folder.path().join("socket").display()
            ))
            .arg(format!(
                "--pid-file={}",
                folder.path().join("pid").display()
            ))
            .args(options)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut started = Self {
            folder,
            server,
            port,
        };
        started.wait();
        started
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + START;
        while !self.socket().exists()
            || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err()
        {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(
                self.server.try_wait().unwrap().is_none(),
                "mariadbd ended: {}",
                log()
            );
            assert!(
                Instant::now() < deadline,
                "mariadbd does not start: {}",
                log()
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Returns the path of its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Returns the address of a database, over the network.
    pub(crate) fn address(&self, name: &str) -> DatabaseAddress {
        let target = Target::Tcp {
            host: "127.0.0.1".to_owned(),
            port: self.port,
        };
        DatabaseAddress {
            user: "reader".to_owned(),
            password: Some(Password("tajné".to_owned())),
            target,
            name: name.to_owned(),
            timeout: None,
            manners: Manners::default(),
        }
    }

    /// Returns the one value that a query has, as text.
    pub(crate) async fn text(&self, database: &str, query: &str) -> String {
        let found: Option<String> = self.first(database, query).await;
        found.unwrap_or_default()
    }

    /// Returns the statement that makes a table.
    pub(crate) async fn created(&self, database: &str, table: &str) -> String {
        let query = format!("SHOW CREATE TABLE `{table}`");
        let found: Option<(String, String)> = self.first(database, &query).await;
        found.unwrap().1
    }

    async fn first<T: FromRow + Send + 'static>(&self, database: &str, query: &str) -> Option<T> {
        let options = OptsBuilder::default()
            .user(Some("root"))
            .socket(self.socket().to_str())
            .prefer_socket(false)
            .db_name(Some(database));
        let mut connection = Conn::new(options).await.unwrap();
        let found = connection.query_first(query).await.unwrap();
        connection.disconnect().await.unwrap();
        found
    }

    /// Takes a file of the data away until it is put back.
    pub(crate) fn take_away(&self, path: &str) {
        let path = self.folder.path().join("data").join(path);
        std::fs::rename(&path, path.with_extension("away")).unwrap();
    }

    /// Puts back what was taken away.
    pub(crate) fn put_back(&self, path: &str) {
        let path = self.folder.path().join("data").join(path);
        std::fs::rename(path.with_extension("away"), &path).unwrap();
    }

    /// Runs statements as the administrator; bytes are taken as they are.
    pub(crate) async fn execute(&self, database: &str, statements: &[impl AsRef<[u8]>]) {
        let options = OptsBuilder::default()
            .user(Some("root"))
            .socket(self.socket().to_str())
            .prefer_socket(false)
            .db_name(Some(database));
        let mut connection = Conn::new(options).await.unwrap();
        connection.query_drop("SET NAMES binary").await.unwrap();
        for statement in statements {
            let shown = statement.as_ref().escape_ascii().to_string();
            if let Err(error) = connection.query_drop(statement.as_ref().to_vec()).await {
                panic!("{shown}: {error}");
            }
        }
        connection.disconnect().await.unwrap();
    }

    /// Restores a dump with the client, as people do.
    pub(crate) fn restore(&self, database: &str, dump: &[u8]) {
        let path = self.folder.path().join("dump.sql");
        std::fs::write(&path, dump).unwrap();
        let socket = format!("--socket={}", self.socket().display());
        let restored = command("/usr/bin/mariadb")
            .args([
                "--no-defaults",
                "--user=root",
                "--comments",
                &socket,
                database,
            ])
            .stdin(File::open(path).unwrap())
            .output()
            .unwrap();
        let told = restored.stderr.escape_ascii();
        assert!(restored.status.success(), "{told}");
    }

    /// Overwrites the start of a file below the data directory, as a crash does.
    pub(crate) fn damage(&self, path: &str) {
        let path = self.folder.path().join("data").join(path);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes
            .iter_mut()
            .skip(24)
            .take(200)
            .for_each(|byte| *byte = 0xff);
        std::fs::write(&path, bytes).unwrap();
    }

    /// Makes databases, and a login that may only read them.
    pub(crate) async fn databases(&self, names: &[&str]) {
        let mut statements = vec![
            "CREATE USER IF NOT EXISTS reader@'127.0.0.1' IDENTIFIED BY 'tajné'".to_owned(),
            "GRANT SELECT ON mysql.proc TO reader@'127.0.0.1'".to_owned(),
        ];
        for name in names {
            statements.push(format!(
                "CREATE DATABASE {name} CHARACTER SET cp1250 COLLATE cp1250_czech_cs"
            ));
            statements.push(format!(
                "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON {name}.* TO reader@'127.0.0.1'"
            ));
        }
        self.execute("mysql", &statements).await;
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _killed = self.server.kill();
        let _ended = self.server.wait();
    }
}

/// Makes the system tables.
fn install(folder: &Path, log: &File) {
    let installed = command("/usr/bin/mariadb-install-db")
        .args(["--no-defaults", "--user=root", "--skip-test-db"])
        .arg("--auth-root-authentication-method=normal")
        .arg(format!("--datadir={}", folder.join("data").display()))
        .stdout(log.try_clone().unwrap())
        .stderr(log.try_clone().unwrap())
        .status()
        .unwrap();
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    assert!(installed.success(), "{log}");
}

fn command(program: &str) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of the tests, outside of the program under test"
    )]
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}
