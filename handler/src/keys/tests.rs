//! Servers that one would rather not ask.

use super::*;
use std::time::Instant;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

const LIMIT: usize = 64 * 1024;

/// What a server does with a connection once it has read the request.
#[derive(Clone, Copy)]
enum Act {
    Say(&'static str),
    /// Bytes without end; how many went out is told.
    Flood,
    Stall,
    /// A byte every tenth of a second.
    Drip,
}

struct Server {
    url: KeyUrl,
    asked: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (tell, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, act, tell.clone()));
            }
        });
        Self { url: KeyUrl::parse(&url, true).unwrap(), asked }
    }
}

async fn serve(mut connection: TcpStream, act: Act, tell: mpsc::UnboundedSender<String>) {
    let mut request = vec![0; 4096];
    let read = connection.read(&mut request).await.unwrap();
    tell.send(String::from_utf8_lossy(&request[..read]).into_owned()).unwrap();
    match act {
        Act::Say(answer) => connection.write_all(answer.as_bytes()).await.unwrap(),
        Act::Stall => std::future::pending().await,
        Act::Flood | Act::Drip => {
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await.unwrap();
            let mut sent = 0;
            let (part, pause) = if matches!(act, Act::Flood) { (8 * 1024, 0) } else { (1, 100) };
            while connection.write_all(&vec![b' '; part]).await.is_ok() {
                sent += part;
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            let _gone = tell.send(sent.to_string());
        }
    }
}

async fn ask(act: Act) -> (PortResult<Vec<u8>>, Server, Duration) {
    let server = Server::start(act).await;
    let begun = Instant::now();
    let answer = HttpKeys::default().get(&server.url, LIMIT).await;
    (answer, server, begun.elapsed())
}

#[tokio::test]
async fn a_document_is_read_and_nothing_is_sent_that_need_not_be() {
    let (answer, mut server, _) = ask(Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")).await;
    assert_eq!(answer.unwrap(), b"{}");
    let request = server.asked.recv().await.unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /keys http/1.1"), "{request}");
    assert!(!request.contains("authorization") && !request.contains("cookie"), "{request}");
}

#[tokio::test]
async fn answers_that_are_none_are_errors() {
    for answer in [
        "HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 204 No\r\n\r\n",
        "HTTP/1.1 206 Part\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 401 No\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}",
        "garbage\r\n\r\n",
        "",
    ] {
        assert!(ask(Act::Say(answer)).await.0.is_err(), "{answer}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut trap = Server::start(Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let answer =
            format!("HTTP/1.1 {status} Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", trap.url.as_str());
        assert!(ask(Act::Say(answer.leak())).await.0.is_err(), "{status}");
    }
    assert!(trap.asked.try_recv().is_err(), "nobody went there");
}

#[tokio::test]
async fn more_than_the_limit_is_not_read() {
    let (answer, mut server, _) = ask(Act::Flood).await;
    assert!(matches!(answer, Err(PortError::TooLarge { limit }) if limit == LIMIT as u64));
    server.asked.recv().await.unwrap();
    let sent: usize = server.asked.recv().await.unwrap().parse().unwrap();
    assert!(sent < 16 * 1024 * 1024, "the rest of the gigabyte stays where it is: {sent}");
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_two_seconds() {
    for act in [Act::Stall, Act::Drip] {
        let (answer, _server, took) = ask(act).await;
        assert!(answer.is_err() && took < Duration::from_secs(4), "{took:?}");
    }
    let nobody = KeyUrl::parse("http://127.0.0.1:1/keys", true).unwrap();
    assert!(HttpKeys::default().get(&nobody, LIMIT).await.is_err());
}
