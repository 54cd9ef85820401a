//! An nginx of a test's own.

use crate::certs::Certs;
use exporter_testkit::fixture::TempDir;
use exporter_testkit::ports::{self, Port};
use exporter_testkit::process::Process;
use exporter_testkit::{Result, tools, wait};
use std::fmt::Write as _;
use std::process::Command;

pub(crate) struct Nginx {
    _process: Process,
    _dir: TempDir,
    pub(crate) http: Port,
    /// By certificate name; the last one takes client certificates of nobody.
    pub(crate) https: Vec<(&'static str, Port)>,
}

/// Bodies of the four shapes that the monitored systems serve.
pub(crate) const SHAPES: [(&str, &str); 4] = [
    (
        "flat",
        r#"{"status":"healthy","database":"connected","storage":"accessible","timestamp":"2024-01-15T10:30:00Z"}"#,
    ),
    (
        "nested",
        r#"{"status":"healthy","timestamp":"2024-01-15T10:30:00Z","version":"1.0.0","services":{"database":"healthy","redis":"healthy","qdrant":"healthy","minio":"healthy"},"workers":{"celery":"healthy","active_tasks":3}}"#,
    ),
    (
        "components",
        r#"{"status":"degraded","timestamp":"2024-01-15T10:30:00","components":{"database":{"status":"healthy","response_time_ms":12.5},"etl":{"status":"stale","last_run":"2024-01-15T02:00:00","age_hours":26.5},"api":{"status":"unhealthy","error":"password=hunter2"}}}"#,
    ),
    (
        "list",
        r#"[{"name":"alpha","last_seen":"2024-01-15T10:30:00Z","status":"active"},{"name":"beta","last_seen":"2024-01-15T10:00:00Z","status":"inactive"}]"#,
    ),
];

impl Nginx {
    pub(crate) fn start(certs: Option<&Certs>) -> Result<Nginx> {
        let (dir, http) = (TempDir::new()?, ports::free()?);
        let mut servers = String::new();
        let mut bodies = String::new();
        for (name, body) in SHAPES {
            dir.write(format!("html/{name}.json"), body)?;
            let _ = writeln!(
                bodies,
                "location = /{name} {{ default_type application/json; alias {}/html/{name}.json; }}",
                dir.path().display()
            );
        }
        let common = format!(
            "{bodies}
            location = / {{ default_type text/plain; return 200 'hello world\\n'; }}
            location = /loop {{ return 302 /loop; }}
            location = /once {{ return 302 /; }}
            location = /gone {{ return 410; }}
            location = /modified {{ add_header Last-Modified 'Tue, 15 Nov 1994 12:45:26 GMT'; return 200 'x'; }}
            location = /packed {{ gzip on; gzip_min_length 1; gzip_types text/plain; default_type text/plain; alias {}/html/nested.json; }}
            location = /private {{ auth_basic x; auth_basic_user_file {}/users; return 200 'in'; }}",
            dir.path().display(),
            dir.path().display()
        );
        dir.write("users", "u:{PLAIN}hunter2\n")?;
        let _ = writeln!(servers, "server {{ listen {}; {common} }}", http.address());
        let mut https = Vec::new();
        if let Some(certs) = certs {
            for name in ["good", "expired", "early", "other", "own"] {
                let port = ports::free()?;
                let (cert, key) = (certs.path(&format!("{name}.pem")), certs.path(&format!("{name}.key")));
                let _ = writeln!(
                    servers,
                    "server {{ listen {} ssl http2; ssl_certificate {}; ssl_certificate_key {}; {common} }}",
                    port.address(),
                    cert.display(),
                    key.display()
                );
                https.push((name, port));
            }
        }
        let config = format!(
            "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;
             events {{ worker_connections 512; }}
             http {{ access_log off; client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3;
             uwsgi_temp_path {0}/4; scgi_temp_path {0}/5; {servers} }}",
            dir.path().display()
        );
        let config = dir.write("nginx.conf", config)?;
        let mut command = Command::new(tools::path("nginx").or_else(|_| tools::path("../sbin/nginx"))?);
        command.arg("-p").arg(dir.path()).arg("-c").arg(config);
        let mut process = Process::spawn(&mut command)?;
        process.wait_http(&format!("http://{}/", http.address()), wait::LONG)?;
        Ok(Nginx { _process: process, _dir: dir, http, https })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http.address())
    }

    pub(crate) fn https(&self, cert: &str, path: &str) -> String {
        let port = &self.https.iter().find(|(name, _)| *name == cert).expect("a certificate").1;
        format!("https://localhost:{port}{path}")
    }
}
