//! Rust sources, read as far as their documentation goes: the public items with their members, and what is said of each.
//!
//! This is no parser. It rests on the layout that `cargo fmt` gives: what is public in a module stands at the left
//! margin, what belongs to it one step further in.

/// What an item is to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A type, trait, function or constant of the module.
    Item,
    /// A field or a variant of a type.
    Member,
    /// A function, constant or type of a type or trait.
    Associated,
}

/// A public item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    /// The type, trait or macro it belongs to; empty for items of the module.
    pub(crate) owner: String,
    pub(crate) name: String,
    /// What is said of it, in one line; paragraphs stand apart by a line end.
    pub(crate) docs: String,
    /// It is a function that returns a `Result`.
    pub(crate) can_fail: bool,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// What the lines belong to that are being read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    /// Nothing whose parts are public: a body, a private type, the implementation of a trait.
    Other,
    Struct(String),
    Enum(String),
    Trait(String),
    Implementation(String),
    /// The definition of a macro, whose public items stand at any depth.
    MacroRules,
    /// The use of a macro, whose entries become items. One without documentation of its own gets it from the macro, of
    /// what stands in the entry.
    Macro(String),
}

/// The public items of a source file. Unit tests and hidden items are left out, and so is whatever has a documentation
/// that a macro makes: the tables of objects.
pub(crate) fn items(source: &str) -> Vec<Item> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    let mut block = Block::Other;
    let mut docs = String::new();
    let mut hidden = false;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let text = line.trim_start();
        let begins_tests = line == "#[cfg(test)]" && opens_module(lines.get(at + 1));
        if begins_tests {
            break;
        }
        if let Some(doc) = text.strip_prefix("///") {
            push_line(&mut docs, doc.trim());
        } else if text.starts_with("#[") {
            hidden |= text.starts_with("#[doc(hidden)]") || text.starts_with("#[doc = ");
            let mut depth = brackets(text);
            while depth > 0 && at + 1 < lines.len() {
                at += 1;
                depth += brackets(lines[at]);
            }
        } else if !text.starts_with("//") {
            let item = named(&block, line).map(|(kind, owner, name)| Item {
                kind,
                owner,
                name,
                docs: match (docs.trim(), &block) {
                    ("", Block::Macro(_)) => text.to_string(),
                    (docs, _) => docs.to_string(),
                },
                can_fail: returns_result(&lines[at..]),
                line: at + 1,
            });
            found.extend(item.filter(|_| !hidden));
            if !line.starts_with(' ') {
                block = opened(line).unwrap_or(match line {
                    "" => block,
                    _ => Block::Other,
                });
            }
            docs.clear();
            hidden = false;
        }
        at += 1;
    }
    found
}

fn opens_module(line: Option<&&str>) -> bool {
    line.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
}

/// Paragraphs are told apart, lines are not.
fn push_line(docs: &mut String, line: &str) {
    match line {
        "" => docs.push('\n'),
        line => {
            if !docs.is_empty() && !docs.ends_with('\n') {
                docs.push(' ');
            }
            docs.push_str(line);
        }
    }
}

/// Opening brackets less closing ones.
fn brackets(text: &str) -> i32 {
    text.chars().fold(0, |depth, c| match c {
        '[' => depth + 1,
        ']' => depth - 1,
        _ => depth,
    })
}

/// What a line at the left margin opens.
fn opened(line: &str) -> Option<Block> {
    if !line.ends_with('{') {
        // The head of a declaration may go over several lines.
        return (line.starts_with("impl") || line.starts_with("pub trait")).then(|| head(line));
    }
    Some(head(line))
}

fn head(line: &str) -> Block {
    let public = line.strip_prefix("pub ");
    for (word, block) in [
        ("struct ", Block::Struct as fn(String) -> Block),
        ("enum ", Block::Enum),
        ("trait ", Block::Trait),
    ] {
        if let Some(rest) = public.and_then(|rest| rest.strip_prefix(word)) {
            return block(identifier(rest));
        }
    }
    if line.starts_with("macro_rules!") {
        return Block::MacroRules;
    }
    if let Some((name, "{")) = line.split_once("! ") {
        return Block::Macro(name.to_string());
    }
    match line.strip_prefix("impl") {
        Some(rest) if !rest.contains(" for ") => {
            let rest = match rest.starts_with('<') {
                true => rest.split_once("> ").map_or("", |(_, rest)| rest),
                false => rest.trim_start(),
            };
            Block::Implementation(identifier(rest))
        }
        _ => Block::Other,
    }
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The public item that a line begins, if it begins one.
fn named(block: &Block, line: &str) -> Option<(Kind, String, String)> {
    let text = line.trim_start();
    let item = |text: &str| text.strip_prefix("pub ").and_then(declared);
    match (line.len() - text.len(), block) {
        (0, _) => Some((Kind::Item, String::new(), item(text)?)),
        (_, Block::MacroRules) => Some((Kind::Item, String::new(), item(text)?)),
        (4, Block::Struct(owner)) => {
            let (name, _) = text.strip_prefix("pub ")?.split_once(':')?;
            Some((Kind::Member, owner.clone(), name.to_string()))
        }
        (4, Block::Enum(owner)) => {
            let name = identifier(text);
            let is_variant = name.starts_with(|c: char| c.is_ascii_uppercase());
            is_variant.then(|| (Kind::Member, owner.clone(), name))
        }
        (4, Block::Trait(owner)) => Some((Kind::Associated, owner.clone(), declared(text)?)),
        (4, Block::Implementation(owner)) => Some((Kind::Associated, owner.clone(), item(text)?)),
        (4, Block::Macro(owner)) if owner != "object" => {
            let name = identifier(text);
            let rest = &text[name.len()..];
            let is_entry = name.starts_with(|c: char| c.is_ascii_uppercase())
                && (rest.starts_with(" = ") || rest == ";");
            is_entry.then(|| (Kind::Item, owner.clone(), name))
        }
        _ => None,
    }
}

/// The name that a declaration gives. Modules are described within, and what is taken over from elsewhere is described
/// there.
fn declared(text: &str) -> Option<String> {
    const KEYWORDS: [&str; 7] = ["struct", "enum", "trait", "fn", "const", "static", "type"];
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        match word {
            "const" | "async" | "default" | "extern" | "\"C\""
                if words
                    .peek()
                    .is_some_and(|next| ["fn", "async", "extern", "\"C\""].contains(next)) => {}
            word if KEYWORDS.contains(&word) => {
                let name = identifier(words.next()?);
                return (!name.is_empty()).then_some(name);
            }
            _ => return None,
        }
    }
    None
}

/// Whether the function that begins here returns a `Result`.
fn returns_result(lines: &[&str]) -> bool {
    let is_function = |line: &str| {
        let line = line.trim_start();
        line.contains("fn ") && !line.starts_with("//")
    };
    if !lines.first().is_some_and(|line| is_function(line)) {
        return false;
    }
    let mut signature = String::new();
    for line in lines {
        signature.push_str(line);
        if line.ends_with('{') || line.ends_with(';') || line.ends_with('}') {
            break;
        }
    }
    let signature = signature.split(" where ").next().unwrap_or_default();
    // What stands behind the last arrow outside of the arguments.
    let mut depth = 0;
    let mut returned = None;
    for (at, c) in signature.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '-' if depth == 0 && signature[at..].starts_with("->") => {
                returned = returned.or(Some(&signature[at + 2..]));
            }
            _ => {}
        }
    }
    returned.is_some_and(|returned| returned.contains("Result<"))
}
