//! The endpoint that a history is fetched from.

use std::time::Duration;

use forecast::fetch::Rpc;
use ledger::Endpoint as _;
use ledger::rpc::Limits;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::output::Failure;

/// An answer larger than this is none of ours: 1,024 blocks take about 200 kB.
const MAX_ANSWER: usize = 8 << 20;
/// Tries of one call; each waits twice as long as the one before.
const TRIES: u32 = 4;

/// The chain's JSON-RPC client, asked one question after the other.
pub(super) struct Endpoint {
    rpc: ledger::Rpc,
    runtime: Runtime,
    pause: Duration,
}

impl Endpoint {
    /// An endpoint; a call without an answer within `timeout` is tried again, four times in all,
    /// first after `pause`, then after twice as long.
    pub(super) fn new(url: &str, timeout: Duration, pause: Duration) -> Result<Self, Failure> {
        let limits = Limits {
            timeout,
            answer: MAX_ANSWER,
            tries: 1,
        };
        Ok(Self {
            rpc: ledger::Rpc::new(url, limits).map_err(Failure::usage)?,
            runtime: crate::runtime()?,
            pause,
        })
    }
}

impl Rpc for Endpoint {
    fn call(&mut self, method: &'static str, params: Value) -> Result<Value, forecast::Error> {
        let mut pause = self.pause;
        let mut left = TRIES;
        loop {
            left -= 1;
            let answer = self.rpc.other(method, params.clone());
            let problem = match self.runtime.block_on(answer) {
                Ok(result) => return Ok(result),
                Err(ledger::Error::Unreachable { .. }) if left > 0 => {
                    std::thread::sleep(pause);
                    pause *= 2;
                    continue;
                }
                // Without the URL and the method: the error around it names the method.
                Err(ledger::Error::Unreachable { reason, .. }) => reason,
                Err(ledger::Error::Rpc { message, .. }) => message,
                Err(error) => error.to_string(),
            };
            return Err(forecast::Error::Down { method, problem });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn call(url: &str) -> Result<Value, forecast::Error> {
        Endpoint::new(url, SHORT, Duration::from_millis(1))
            .unwrap()
            .call("eth_chainId", json!([]))
    }

    /// A server that gives each connection the next of these answers, then stalls.
    fn serve(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut held = Vec::new();
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                match answers.next() {
                    Some(answer) => drop(stream.write_all(answer.as_bytes())),
                    None => held.push(stream),
                }
            }
        });
        url
    }

    fn answer(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }

    #[test]
    fn tries_again_until_there_is_an_answer() {
        let busy = answer("429 Too Many Requests", "");
        let good = answer("200 OK", r#"{"jsonrpc":"2.0","id":2,"result":"0x1"}"#);
        assert_eq!(call(&serve(vec![busy, good])).unwrap(), json!("0x1"));
    }

    #[test]
    fn says_what_is_wrong_with_an_endpoint() {
        let problem = |url: &str| call(url).unwrap_err().to_string();
        assert!(problem("http://127.0.0.1:1").contains("does not answer"));
        let stalling = problem(&serve(Vec::new()));
        assert!(stalling.contains("timed out"), "{stalling}");
        let refusing = r#"{"jsonrpc":"2.0","id":1,"error":{"message":"method not found"}}"#;
        assert!(problem(&serve(vec![answer("200 OK", refusing)])).contains("method not found"));
        let other = r#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#;
        assert!(problem(&serve(vec![answer("200 OK", other)])).contains("another request"));
        let forbidden = vec![answer("403 Forbidden", ""); 4];
        let forbidden = problem(&serve(forbidden));
        assert!(forbidden.contains("403"), "{forbidden}");
        let page = problem(&serve(vec![answer("200 OK", "<html>"); 4]));
        assert!(page.contains("without a JSON-RPC answer"), "{page}");
    }

    #[test]
    fn an_endpoint_is_a_url() {
        assert!(Endpoint::new("localhost:8545", SHORT, SHORT).is_err());
    }
}
