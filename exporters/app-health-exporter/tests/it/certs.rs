//! Certificates of a private authority, made by openssl.

use exporter_testkit::fixture::TempDir;
use exporter_testkit::{Result, process, tools};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// An authority and what it has signed, as `<name>.pem` and `<name>.key`.
pub(crate) struct Certs {
    pub(crate) dir: TempDir,
}

impl Certs {
    pub(crate) fn new() -> Result<Certs> {
        let certs = Certs { dir: TempDir::new()? };
        let ca = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 400 -subj /CN=Test-CA -keyout ca.key -out ca.pem";
        certs.openssl(&words(ca))?;
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs()
                as i64;
        let day = 86_400;
        certs.sign("good", "localhost", now - day, now + 30 * day)?;
        certs.sign("expired", "localhost", now - 20 * day, now - 10 * day)?;
        certs.sign("early", "localhost", now + 10 * day, now + 20 * day)?;
        certs.sign("other", "other.example", now - day, now + 30 * day)?;
        let own = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=own -addext subjectAltName=DNS:localhost -keyout own.key -out own.pem";
        certs.openssl(&words(own))?;
        Ok(certs)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn sign(&self, name: &str, host: &str, from: i64, to: i64) -> Result {
        let subject = "/C=DE/ST=Bayern/L=Ulm/O=Acme, Inc./OU=Ops/CN=".to_owned() + host;
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        let new =
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", &subject];
        self.openssl(&[&new[..], &["-keyout", &key, "-out", &request]].concat())?;
        let names = format!("subjectAltName=DNS:{host},DNS:www.{host},IP:127.0.0.9\n");
        let extensions = self.dir.write(format!("{name}.ext"), names)?.display().to_string();
        // `openssl ca` is the one that takes both dates.
        let config = self.dir.write(
            "ca.cnf",
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n\
             [p]\nC=optional\nST=optional\nL=optional\nO=optional\nOU=optional\nCN=optional\n",
        )?;
        self.dir.write("index", "")?;
        self.dir.write("serial", "0A1B\n")?;
        let config = config.display().to_string();
        let (from, to) = (date(from), date(to));
        let out = format!("{name}.pem");
        let sign = ["ca", "-batch", "-notext", "-config", &config, "-cert", "ca.pem", "-keyfile", "ca.key"];
        let dates =
            ["-in", &request, "-out", &out, "-startdate", &from, "-enddate", &to, "-extfile", &extensions];
        self.openssl(&[&sign[..], &dates[..], &["-preserveDN"]].concat())
    }

    fn openssl(&self, arguments: &[&str]) -> Result {
        let mut command = Command::new(tools::path("openssl")?);
        process::run(command.args(arguments).current_dir(self.dir.path()), Duration::from_secs(60)).map(drop)
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

/// `YYYYMMDDHHMMSSZ`
fn date(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}
