//! A small mail server: real SMTP (RFC 5321) over TCP, which keeps what it is sent and can be told
//! to refuse.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) data: String,
}

#[derive(Default)]
struct Inner {
    arrived: Vec<Arrived>,
    /// What to answer to the next recipients, before any is taken.
    refusals: Vec<&'static str>,
    refused: usize,
}

/// The server.
pub(crate) struct Smtp {
    pub(crate) address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Smtp {
    pub(crate) async fn start(refusals: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner {
            refusals: refusals.to_vec(),
            ..Inner::default()
        }));
        let shared = inner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, shared.clone()));
            }
        });
        Self { address, inner }
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.inner.lock().unwrap().arrived.clone()
    }

    pub(crate) fn refused(&self) -> usize {
        self.inner.lock().unwrap().refused
    }
}

async fn converse(stream: TcpStream, inner: Arc<Mutex<Inner>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut mail = Arrived {
        from: String::new(),
        to: String::new(),
        data: String::new(),
    };
    write.write_all(b"220 test ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => "250-test\r\n250 8BITMIME\r\n".to_owned(),
            "MAIL" => {
                mail.from = line;
                "250 ok\r\n".to_owned()
            }
            "RCPT" => match refusal(&inner) {
                Some(refusal) => format!("{refusal}\r\n"),
                None => {
                    mail.to = line;
                    "250 ok\r\n".to_owned()
                }
            },
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.data.push_str(&line);
                    mail.data.push('\n');
                }
                inner.lock().unwrap().arrived.push(mail.clone());
                "250 taken\r\n".to_owned()
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok\r\n".to_owned(),
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

fn refusal(inner: &Mutex<Inner>) -> Option<&'static str> {
    let mut inner = inner.lock().unwrap();
    if inner.refusals.is_empty() {
        return None;
    }
    inner.refused += 1;
    Some(inner.refusals.remove(0))
}
