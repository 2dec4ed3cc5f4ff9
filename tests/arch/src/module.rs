//! What one module defines, imports and names, read from its tokens.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path in the source: `crate::store::Store` is three segments.
pub(crate) type Segments = Vec<String>;

/// A module: a file, or `mod name { … }` within one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Its path below the crate's root.
    pub(crate) path: Segments,
    /// What its `use` lines bring in.
    pub(crate) imports: Vec<Import>,
    /// Other paths of two segments or more.
    pub(crate) paths: BTreeSet<Segments>,
    /// Every identifier outside `use` lines.
    pub(crate) words: BTreeSet<String>,
    /// Names of the items defined here.
    pub(crate) items: BTreeSet<String>,
    /// Files that `#[cfg(test)] mod name;` keeps out of the program.
    pub(crate) test_files: Vec<Segments>,
}

/// One leaf of a `use` line.
#[derive(Debug)]
pub(crate) struct Import {
    /// The name it has here; `*` for all names.
    pub(crate) name: String,
    /// Where it comes from.
    pub(crate) path: Segments,
    /// Whether others can reach it through this module.
    pub(crate) public: bool,
}

/// Reads a file's modules: its own first, then those written within it. What is compiled for tests
/// alone is left out.
pub(crate) fn modules(path: Segments, tokens: TokenStream) -> Vec<Module> {
    let mut found = vec![Module {
        path,
        ..Module::default()
    }];
    walk(&mut found, 0, tokens);
    found
}

/// Reads tokens into the module `at`.
fn walk(found: &mut Vec<Module>, at: usize, tokens: TokenStream) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut public = false;
    let mut i = 0;
    while i < tokens.len() {
        i = match &tokens[i] {
            TokenTree::Punct(mark) if mark.as_char() == '#' => attribute(found, at, &tokens, i),
            TokenTree::Ident(word) => {
                let word = plain(&word.to_string());
                let next = named(found, at, &tokens, i, &word, public);
                public = word == "pub" || (public && next == i + 1);
                next
            }
            TokenTree::Group(group) => {
                // `pub(crate)`: the visibility stands before what it is of.
                public &= group.delimiter() == Delimiter::Parenthesis;
                walk(found, at, group.stream());
                i + 1
            }
            _ => {
                public = false;
                i + 1
            }
        };
    }
}

/// Reads what begins with an identifier; returns where to go on.
fn named(
    found: &mut Vec<Module>,
    at: usize,
    tokens: &[TokenTree],
    i: usize,
    word: &str,
    public: bool,
) -> usize {
    match word {
        // Not the `use<'a>` of a bound.
        "use" if !matches!(tokens.get(i + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == '<') =>
        {
            let end = semicolon(tokens, i);
            imports(
                &mut found[at].imports,
                Vec::new(),
                &tokens[i + 1..end],
                public,
            );
            end + 1
        }
        "mod" => match (ident(tokens, i + 1), tokens.get(i + 2)) {
            (Some(name), Some(TokenTree::Group(body))) => {
                inner(found, at, &name, body);
                i + 3
            }
            (name, _) => {
                found[at].items.extend(name);
                i + 2
            }
        },
        "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => {
            found[at].items.extend(ident(tokens, i + 1));
            i + 1
        }
        _ => {
            let (path, next) = path(tokens, i);
            found[at].words.insert(word.to_owned());
            let method =
                i > 0 && matches!(&tokens[i - 1], TokenTree::Punct(mark) if mark.as_char() == '.');
            if path.len() > 1 && !method {
                found[at].paths.insert(path);
            }
            next
        }
    }
}

/// Reads `mod name { … }`.
fn inner(found: &mut Vec<Module>, at: usize, name: &str, body: &Group) {
    let mut path = found[at].path.clone();
    path.push(name.to_owned());
    found.push(Module {
        path,
        ..Module::default()
    });
    let inner = found.len() - 1;
    walk(found, inner, body.stream());
}

/// Passes over an attribute, and over what it belongs to when that is for tests alone.
fn attribute(found: &mut [Module], at: usize, tokens: &[TokenTree], i: usize) -> usize {
    let mut next = i + 1;
    if matches!(tokens.get(next), Some(TokenTree::Punct(mark)) if mark.as_char() == '!') {
        next += 1;
    }
    let Some(TokenTree::Group(group)) = tokens.get(next) else {
        return next;
    };
    next += 1;
    if !for_tests(group) {
        return next;
    }
    if let Some(place) = tokens[next..]
        .iter()
        .take(4)
        .position(|token| is_word(token, "mod"))
        && let Some(name) = ident(tokens, next + place + 1)
    {
        let mut path = found[at].path.clone();
        path.push(name);
        found[at].test_files.push(path);
    }
    let ends = |token: &TokenTree| match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    tokens[next..]
        .iter()
        .position(ends)
        .map_or(tokens.len(), |length| next + length + 1)
}

/// Whether an attribute says `cfg(test)`, `cfg(any(test, …))` or `cfg(all(test, …))`.
fn for_tests(attribute: &Group) -> bool {
    let text = attribute.stream().to_string();
    let words: Vec<&str> = text
        .split(|mark: char| !mark.is_alphanumeric() && mark != '_')
        .collect();
    words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
}

/// Reads a tree of `use`.
fn imports(into: &mut Vec<Import>, mut path: Segments, tokens: &[TokenTree], public: bool) {
    let mut renamed = None;
    let mut i = 0;
    while i < tokens.len() {
        match &tokens[i] {
            TokenTree::Ident(word) if *word == "as" => {
                renamed = ident(tokens, i + 1);
                i += 1;
            }
            TokenTree::Ident(word) => path.push(plain(&word.to_string())),
            TokenTree::Punct(mark) if mark.as_char() == '*' => renamed = Some("*".to_owned()),
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
                for leaf in inner.split(comma).filter(|leaf| !leaf.is_empty()) {
                    imports(into, path.clone(), leaf, public);
                }
                return;
            }
            _ => {}
        }
        i += 1;
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let Some(last) = path.last().cloned() else {
        return;
    };
    into.push(Import {
        name: renamed.unwrap_or(last),
        path,
        public,
    });
}

/// Reads `a::b::c`; returns it and where it ends.
fn path(tokens: &[TokenTree], mut i: usize) -> (Segments, usize) {
    let mut path = Vec::new();
    while let Some(word) = ident(tokens, i) {
        path.push(word);
        i += 1;
        let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
        if !(colon(i) && colon(i + 1) && ident(tokens, i + 2).is_some()) {
            break;
        }
        i += 2;
    }
    (path, i)
}

/// The identifier at a place.
fn ident(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at) {
        Some(TokenTree::Ident(word)) => Some(plain(&word.to_string())),
        _ => None,
    }
}

/// An identifier without the mark of a raw one.
fn plain(word: &str) -> String {
    word.strip_prefix("r#").unwrap_or(word).to_owned()
}

/// Whether a token is this word.
fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if *ident == word)
}

/// Where the line that starts at `from` ends.
fn semicolon(tokens: &[TokenTree], from: usize) -> usize {
    let ends = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ';');
    tokens[from..]
        .iter()
        .position(ends)
        .map_or(tokens.len(), |length| from + length)
}
