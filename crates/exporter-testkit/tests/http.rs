//! The client against servers that answer byte for byte what a test says.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use exporter_testkit::{Result, http};

type Server = std::thread::JoinHandle<Result<Vec<String>>>;

/// Answers each request of one connection with the next of these; returns the address and, when joined, the requests.
fn serve(answers: &'static [&'static str]) -> Result<(String, Server)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut requests = Vec::new();
        for answer in answers {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer)?;
            requests.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            stream.write_all(answer.as_bytes())?;
        }
        Ok(requests)
    });
    Ok((address, server))
}

#[test]
fn content_length() -> Result {
    let (address, server) =
        serve(&["HTTP/1.1 404 Not Found\r\nX-Odd:  yes \r\nContent-Length: 3\r\n\r\nabc"])?;
    let response = http::get(&format!("http://{address}/a?b=c"), &[("Accept", "text/plain")])?;
    assert_eq!((response.status, response.text().as_str()), (404, "abc"));
    assert_eq!(response.header("x-odd"), Some("yes"));
    let request = server.join().unwrap()?.remove(0);
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    assert!(request.contains("\r\nAccept: text/plain\r\n"), "{request}");
    assert!(response.expect_status(200).unwrap_err().to_string().contains("404 instead of 200: abc"));
    Ok(())
}

#[test]
fn chunked() -> Result {
    let (address, _server) = serve(&[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2;x=y\r\nef\r\n0\r\nTrailer: t\r\n\r\n",
    ])?;
    assert_eq!(http::get(&format!("http://{address}"), &[])?.text(), "abcdef");
    Ok(())
}

#[test]
fn body_to_the_end_of_the_connection() -> Result {
    let (address, _server) = serve(&["HTTP/1.0 200 OK\r\n\r\nall of it"])?;
    assert_eq!(http::get(&format!("http://{address}/"), &[])?.text(), "all of it");
    Ok(())
}

#[test]
fn head_has_no_body() -> Result {
    let (address, _server) = serve(&["HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"])?;
    let response = http::send("HEAD", &format!("http://{address}/"), &[], b"", Duration::from_secs(30))?;
    assert_eq!((response.header("content-length"), response.body.len()), (Some("300"), 0));
    Ok(())
}

#[test]
fn one_connection_many_requests() -> Result {
    let (address, server) = serve(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc",
    ])?;
    let limit = Duration::from_secs(30);
    let mut connection = http::Connection::open(&address, limit)?;
    let request = http::request("GET", &address, "/", &[], b"");
    let bodies: Result<Vec<String>> = (0..4).map(|_| Ok(connection.send(&request, limit)?.text())).collect();
    assert_eq!(bodies?, ["a", "b", "", "c"]);
    assert_eq!(server.join().unwrap()?.len(), 4);
    Ok(())
}

#[test]
fn a_server_that_never_answers_meets_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let begin = Instant::now();
    let error = http::send("GET", &url, &[], b"", Duration::from_millis(200)).unwrap_err();
    assert!(error.to_string().contains("deadline"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn cut_answers_are_errors() -> Result {
    for answer in [
        &["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"],
        &["HTTP/1.1 200 OK\r\nContent-"],
        &["SSH-2.0-OpenSSH\r\n"],
    ] {
        let (address, _server) = serve(answer)?;
        assert!(http::get(&format!("http://{address}/"), &[]).is_err(), "{answer:?}");
    }
    Ok(())
}
