//! JSON-RPC over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use super::Rpc;
use crate::Error;

/// An answer larger than this is none of ours: 1,024 blocks take about 200 kB.
const MAX_ANSWER: u64 = 8 << 20;
/// Tries of one call; each waits twice as long as the one before.
const TRIES: u32 = 4;

/// An endpoint reached over HTTP or HTTPS.
pub struct Http {
    agent: ureq::Agent,
    url: String,
    pause: Duration,
    id: u64,
}

impl Http {
    /// An endpoint; a call without an answer within `timeout` is tried again, four times in all,
    /// first after `pause`, then after twice as long.
    #[must_use]
    pub fn new(url: &str, timeout: Duration, pause: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self {
            agent: config.into(),
            url: url.to_owned(),
            pause,
            id: 0,
        }
    }

    /// One try; `Err(true)` if another may help.
    fn once(&mut self, method: &'static str, params: &Value) -> Result<Value, (bool, String)> {
        self.id += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        let mut answer = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(request.to_string())
            .map_err(|error| (true, error.to_string()))?;
        let status = answer.status();
        if !status.is_success() {
            let again = status.is_server_error() || status.as_u16() == 429;
            return Err((again, format!("it answers with status {status}")));
        }
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .map_err(|error| (true, error.to_string()))?;
        let mut body: Value = serde_json::from_slice(&body).map_err(|_| {
            (
                false,
                "its answer is not JSON; is the URL that of a node?".to_owned(),
            )
        })?;
        if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
            let text = error
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or("no reason given");
            return Err((false, text.chars().take(200).collect()));
        }
        if body.get("id") != Some(&json!(self.id)) {
            return Err((false, "its answer is to another question".to_owned()));
        }
        Ok(body.get_mut("result").map_or(Value::Null, Value::take))
    }
}

impl Rpc for Http {
    fn call(&mut self, method: &'static str, params: Value) -> Result<Value, Error> {
        let mut pause = self.pause;
        for left in (0..TRIES).rev() {
            match self.once(method, &params) {
                Ok(result) => return Ok(result),
                Err((again, problem)) if !again || left == 0 => {
                    return Err(Error::Down { method, problem });
                }
                Err(_) => std::thread::sleep(pause),
            }
            pause *= 2;
        }
        // The last round returns.
        Err(Error::Down {
            method,
            problem: "no try was made".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn call(url: &str) -> Result<Value, Error> {
        Http::new(url, SHORT, Duration::from_millis(1)).call("eth_chainId", json!([]))
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
        let stalling = serve(Vec::new());
        assert!(
            problem(&stalling).contains("timeout"),
            "{}",
            problem(&stalling)
        );
        let page = serve(vec![answer("200 OK", "<html>")]);
        assert!(problem(&page).contains("not JSON"));
        let refusing = r#"{"jsonrpc":"2.0","id":1,"error":{"message":"method not found"}}"#;
        assert!(problem(&serve(vec![answer("200 OK", refusing)])).contains("method not found"));
        let other = r#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#;
        assert!(problem(&serve(vec![answer("200 OK", other)])).contains("another question"));
        assert!(problem(&serve(vec![answer("403 Forbidden", "")])).contains("403"));
    }
}
