//! The lines of functions, as `clippy::too_many_lines` counts them: of the body alone, without
//! blank lines and comments; of an `async` function with the lines of its braces.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its name.
    pub(crate) line: usize,
    /// Lines of code in its body.
    pub(crate) lines: usize,
}

/// Every function with a body in a file, also those within others. `text` is the file, and `tokens`
/// are what it consists of.
pub(crate) fn functions(text: &str, tokens: TokenStream) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    walk(&mut found, &lines, tokens);
    found
}

fn walk(found: &mut Vec<Function>, text: &[&str], tokens: TokenStream) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (i, token) in tokens.iter().enumerate() {
        match (token, tokens.get(i + 1)) {
            (TokenTree::Ident(word), Some(TokenTree::Ident(name))) if *word == "fn" => {
                if let Some(body) = body(&tokens[i + 2..]) {
                    let braces = if asynchronous(&tokens[..i]) { 2 } else { 0 };
                    let lines = count(text, body) + braces;
                    let (name, line) = (name.to_string(), name.span().start().line);
                    found.push(Function { name, line, lines });
                }
            }
            (TokenTree::Group(group), _) => walk(found, text, group.stream()),
            _ => {}
        }
    }
}

/// Whether what stands before `fn` ends with `async` or `async unsafe`.
fn asynchronous(before: &[TokenTree]) -> bool {
    let words = before.iter().rev().take(2);
    words
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(word) if *word == "async"))
}

/// The body that follows a function's name, if it has one.
fn body(tokens: &[TokenTree]) -> Option<TokenStream> {
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                return Some(group.stream());
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => return None,
            _ => {}
        }
    }
    None
}

/// How many lines tokens stand on.
fn count(text: &[&str], tokens: TokenStream) -> usize {
    let mut lines = BTreeSet::new();
    mark(&mut lines, tokens);
    lines
        .iter()
        .filter_map(|line: &usize| text.get(line.checked_sub(1)?))
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
        .count()
}

fn mark(lines: &mut BTreeSet<usize>, tokens: TokenStream) {
    for token in tokens {
        match &token {
            TokenTree::Group(group) => {
                lines.extend([
                    group.span_open().start().line,
                    group.span_close().end().line,
                ]);
                mark(lines, group.stream());
            }
            other => lines.extend(other.span().start().line..=other.span().end().line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(text: &str) -> Vec<(String, usize, usize)> {
        let all = functions(text, text.parse().unwrap());
        all.into_iter()
            .map(|function| (function.name, function.line, function.lines))
            .collect()
    }

    #[test]
    fn code_counts_and_comments_do_not() {
        let text = "/// Said before.\nfn one(\n    long: usize,\n) {\n    // why\n\n    let a = \"two\n    lines\"; /* beside */\n    \
                    if a.is_empty() {\n        b();\n    }\n}\n";
        assert_eq!(measured(text), [("one".to_owned(), 2, 5)]);
    }

    #[test]
    fn of_asynchronous_functions_the_braces_count() {
        let text = "pub async fn waits() {\n    a();\n}\nfn does_not() {\n    a();\n}\n";
        assert_eq!(
            measured(text),
            [("waits".to_owned(), 1, 3), ("does_not".to_owned(), 4, 1)]
        );
    }

    #[test]
    fn methods_and_functions_within_functions_are_found() {
        let text = "trait T { fn none(&self); fn some(&self) { 1; } }\nfn out() {\n    fn inner() {\n        x();\n    }\n}\n";
        let names = [
            ("some".to_owned(), 1, 1),
            ("out".to_owned(), 2, 3),
            ("inner".to_owned(), 3, 1),
        ];
        assert_eq!(measured(text), names);
    }
}
