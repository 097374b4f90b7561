//! Rust sources, read as far as proofs need it: which functions are tests, in which module, and which comments in or
//! above them say what they prove.
//!
//! This is no parser: it knows strings, comments, attributes, braces, `mod` and `fn`. What stands within a macro is read
//! like everything else, so the tests of `proptest!` are found.

/// A test function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFunction {
    /// Inline modules around it, outermost first.
    pub modules: Vec<String>,
    /// Its name.
    pub name: String,
    /// Where it begins, counted from 1.
    pub line: usize,
    /// It has `#[ignore]`.
    pub ignored: bool,
    /// The ids it claims, each with the line of the comment.
    pub proves: Vec<(String, usize)>,
}

/// What a source file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its test functions, in order.
    pub tests: Vec<TestFunction>,
    /// Comments that claim a proof and belong to no test function, by line.
    pub strays: Vec<usize>,
}

impl Source {
    /// Reads a source file.
    pub fn read(text: &str) -> Self {
        let mut reader = Reader::default();
        for (line, token) in Tokens::new(text) {
            reader.take(line, token);
        }
        reader.forget();
        reader.source
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
    Proves(Vec<String>),
}

/// What an opened brace belongs to.
enum Block {
    Module,
    /// A function: its place in the list where it is a test.
    Function(Option<usize>),
    Other,
}

/// What is being read beside plain items.
enum State {
    Items,
    /// Behind `mod` or `fn`.
    Name {
        function: bool,
    },
    /// Behind the name of a function, up to its body.
    Signature {
        depth: usize,
        test: Option<usize>,
    },
    /// Behind the name of a module.
    Module(String),
    /// Behind `#`, within the brackets.
    Attribute {
        depth: usize,
        words: Vec<String>,
        in_path: bool,
    },
}

struct Reader {
    source: Source,
    blocks: Vec<Block>,
    modules: Vec<String>,
    state: State,
    /// Comments that wait for a function.
    claims: Vec<(String, usize)>,
    is_test: bool,
    is_ignored: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Reader {
            source: Source::default(),
            blocks: Vec::new(),
            modules: Vec::new(),
            state: State::Items,
            claims: Vec::new(),
            is_test: false,
            is_ignored: false,
        }
    }
}

impl Reader {
    fn take(&mut self, line: usize, token: Token) {
        if let Token::Proves(ids) = token {
            self.claim(line, ids);
            return;
        }
        match std::mem::replace(&mut self.state, State::Items) {
            State::Items => self.item(&token),
            State::Name { function } => match token {
                Token::Word(name) if function => self.function(line, name),
                Token::Word(name) => self.state = State::Module(name),
                // `fn(u8)`: a type.
                other => self.item(&other),
            },
            State::Module(name) => match token {
                Token::Sign('{') => {
                    self.forget();
                    self.modules.push(name);
                    self.blocks.push(Block::Module);
                }
                other => self.item(&other),
            },
            State::Signature { depth, test } => self.signature(&token, depth, test),
            State::Attribute {
                depth,
                words,
                in_path,
            } => self.attribute(token, depth, words, in_path),
        }
    }

    fn claim(&mut self, line: usize, ids: Vec<String>) {
        let claims = ids.into_iter().map(|id| (id, line));
        let within = self.blocks.iter().rev().find_map(|block| match block {
            Block::Function(test) => Some(*test),
            _ => None,
        });
        match within {
            Some(Some(test)) => self.source.tests[test].proves.extend(claims),
            Some(None) => self.source.strays.push(line),
            None => self.claims.extend(claims),
        }
    }

    fn item(&mut self, token: &Token) {
        match token {
            Token::Word(word) if word == "fn" => self.state = State::Name { function: true },
            Token::Word(word) if word == "mod" => self.state = State::Name { function: false },
            Token::Sign('#') => {
                self.state = State::Attribute {
                    depth: 0,
                    words: Vec::new(),
                    in_path: true,
                };
            }
            Token::Sign('{') => {
                self.forget();
                self.blocks.push(Block::Other);
            }
            Token::Sign('}') => {
                self.forget();
                if let Some(Block::Module) = self.blocks.pop() {
                    self.modules.pop();
                }
            }
            Token::Sign(';') => self.forget(),
            _ => {}
        }
    }

    fn function(&mut self, line: usize, name: String) {
        let proves = std::mem::take(&mut self.claims);
        let test = if self.is_test {
            self.source.tests.push(TestFunction {
                modules: self.modules.clone(),
                name,
                line,
                ignored: self.is_ignored,
                proves,
            });
            Some(self.source.tests.len() - 1)
        } else {
            let strays = proves.into_iter().map(|(_, line)| line);
            self.source.strays.extend(strays);
            None
        };
        self.forget();
        self.state = State::Signature { depth: 0, test };
    }

    fn signature(&mut self, token: &Token, mut depth: usize, test: Option<usize>) {
        match token {
            Token::Sign('(' | '[') => depth += 1,
            Token::Sign(')' | ']') => depth = depth.saturating_sub(1),
            Token::Sign('{') if depth == 0 => {
                self.blocks.push(Block::Function(test));
                return;
            }
            Token::Sign(';') if depth == 0 => return,
            _ => {}
        }
        self.state = State::Signature { depth, test };
    }

    fn attribute(
        &mut self,
        token: Token,
        mut depth: usize,
        mut words: Vec<String>,
        mut in_path: bool,
    ) {
        match token {
            // An inner attribute: `#![...]`.
            Token::Sign('!') if depth == 0 => {}
            Token::Sign('[') => {
                depth += 1;
                in_path = depth == 1;
            }
            Token::Sign(']') => {
                depth -= 1;
                if depth == 0 {
                    let last = words.last().map(String::as_str);
                    self.is_test |= last == Some("test");
                    self.is_ignored |= last == Some("ignore");
                    return;
                }
            }
            // `#` alone, as in a macro.
            other if depth == 0 => {
                self.item(&other);
                return;
            }
            Token::Word(word) if in_path => words.push(word),
            Token::Sign(':') => {}
            _ => in_path = false,
        }
        self.state = State::Attribute {
            depth,
            words,
            in_path,
        };
    }

    /// Attributes and comments so far belong to an item that is no function.
    fn forget(&mut self) {
        (self.is_test, self.is_ignored) = (false, false);
        let strays = self.claims.drain(..).map(|(_, line)| line);
        self.source.strays.extend(strays);
    }
}

/// Words and signs of a source, without literals and comments but for those that claim a proof.
struct Tokens<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Tokens {
            rest: text,
            line: 1,
        }
    }

    /// Steps over this many bytes.
    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += skipped.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
    }

    fn line_comment(&mut self) -> Option<Token> {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let claim = self.rest[2..end].trim().strip_prefix("proves:");
        let token = claim.map(|ids| {
            let ids = ids.split(',').map(|id| id.trim().to_owned());
            Token::Proves(ids.collect())
        });
        self.skip(end);
        token
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
            } else {
                let step = self.rest.chars().next().map_or(0, char::len_utf8);
                self.skip(step);
            }
            if depth == 0 || self.rest.is_empty() {
                return;
            }
        }
    }

    /// Behind an opening quote.
    fn string(&mut self) {
        let mut escaped = false;
        let end = self.rest.bytes().position(|byte| match byte {
            _ if escaped => {
                escaped = false;
                false
            }
            b'\\' => {
                escaped = true;
                false
            }
            byte => byte == b'"',
        });
        self.skip(end.map_or(self.rest.len(), |end| end + 1));
    }

    /// Behind the `r` of a raw string; `false` where there is none.
    fn raw_string(&mut self) -> bool {
        let hashes = self.rest.bytes().take_while(|byte| *byte == b'#').count();
        if self.rest.as_bytes().get(hashes) != Some(&b'"') {
            return false;
        }
        let end = format!("\"{}", "#".repeat(hashes));
        self.skip(hashes + 1);
        let length = self.rest.find(&end).map(|at| at + end.len());
        self.skip(length.unwrap_or(self.rest.len()));
        true
    }

    /// A character, or the quote of a lifetime.
    fn quote(&mut self) {
        let mut chars = self.rest.char_indices().skip(1);
        match (chars.next(), chars.next()) {
            (Some((_, '\\')), Some((at, escaped))) => {
                let from = at + escaped.len_utf8();
                let end = self.rest[from..].find('\'');
                self.skip(end.map_or(self.rest.len(), |end| from + end + 1));
            }
            (Some(_), Some((at, '\''))) => self.skip(at + 1),
            _ => self.skip(1),
        }
    }

    fn word(&mut self) -> Option<Token> {
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.skip(end);
        match word {
            "r" | "br" | "cr" if self.raw_string() => None,
            // `r#type` is a word, too.
            "r" if self.rest.starts_with('#') => {
                self.skip(1);
                self.word()
            }
            "b" | "c" if self.rest.starts_with('"') => {
                self.skip(1);
                self.string();
                None
            }
            word => Some(Token::Word(word.to_owned())),
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = (usize, Token);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = self.rest.chars().next()?;
            let line = self.line;
            let token = match first {
                '/' if self.rest.starts_with("//") => self.line_comment(),
                '/' if self.rest.starts_with("/*") => {
                    self.block_comment();
                    None
                }
                '"' => {
                    self.skip(1);
                    self.string();
                    None
                }
                '\'' => {
                    self.quote();
                    None
                }
                c if c.is_alphanumeric() || c == '_' => self.word(),
                c => {
                    self.skip(c.len_utf8());
                    (!c.is_whitespace()).then_some(Token::Sign(c))
                }
            };
            if let Some(token) = token {
                return Some((line, token));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, Vec<String>)> {
        let source = Source::read(text);
        assert_eq!(source.strays, Vec::<usize>::new(), "{text}");
        let tests = source.tests.into_iter().map(|test| {
            let path = [test.modules, vec![test.name]].concat().join("::");
            let ids = test.proves.into_iter().map(|(id, _)| id).collect();
            (path, ids)
        });
        tests.collect()
    }

    fn one(path: &str, ids: &[&str]) -> (String, Vec<String>) {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        (path.to_owned(), ids)
    }

    #[test]
    fn claims_above_and_within_a_test() {
        let text = "// proves: A-01, B-02\n#[test]\nfn a() {\n    // proves: C-03\n    x();\n}\n\n#[test]\nfn b() {}\n";
        assert_eq!(
            found(text),
            [one("a", &["A-01", "B-02", "C-03"]), one("b", &[])]
        );
    }

    #[test]
    fn attributes_documentation_and_modules_between() {
        let text = "mod m { use super::*; mod n {\n// proves: A-01\n/// Words; of {a} kind.\n#[tokio::test(start_paused = true)]\n\
                    #[expect(clippy::print_stdout, reason = \"[\")]\npub(crate) async fn t() -> Result<(), [u8; 2]> { mod k {} }\n}\n\
                    fn helper() {} #[test] fn u() {} }\n#[cfg(test)] mod o;\n#[test] fn last() {}";
        assert_eq!(
            found(text),
            [
                one("m::n::t", &["A-01"]),
                one("m::u", &[]),
                one("last", &[])
            ]
        );
    }

    #[test]
    fn tests_of_macros_and_helpers_of_tests() {
        let text = "proptest! {\n// proves: A-01\n#[test]\nfn p(a in (0..4u8), b: fn(u8) -> u8) { let f = |x| { x }; }\n}\n\
                    #[test] fn q() { fn inner() {} // then\n// proves: A-02\n}";
        assert_eq!(found(text), [one("p", &["A-01"]), one("q", &["A-02"])]);
    }

    #[test]
    fn literals_and_comments_are_no_code() {
        let text = r####"#[test] fn a() {
            let _ = ("// proves: X-01 {", r#"} " fn b()"#, b"\"{", br"{", '{', '\'', b'\\', 'a', "\\", c"{");
            let _: &'static str = r##"#[test] fn c() {}"##; /* { /* fn */ // proves: X-02
            */ let r#fn = 1;
            // proves: A-01
        }
        // It proves: nothing
        /// proves: X-03
        #[test] fn d() {}"####;
        assert_eq!(found(text), [one("a", &["A-01"]), one("d", &[])]);
    }

    #[test]
    fn strays_are_named_by_line() {
        for (text, lines) in [
            ("// proves: A-01\nfn helper() {}\n", vec![1]),
            ("// proves: A-01\nstruct S;\n#[test] fn t() {}", vec![1]),
            ("\n// proves: A-01\nmod m {\n#[test] fn t() {} }", vec![2]),
            ("fn helper() {\n// proves: A-01\n}", vec![2]),
            ("#[test] fn t() {}\n// proves: A-01", vec![2]),
            ("#[cfg(test)]\n// proves: A-01\nfn t() {}", vec![2]),
            ("mod m {\n #[test] fn t() {}\n// proves: A-01\n}", vec![3]),
            (
                "#[test]\nconst C: u8 = 1;\n// proves: A-01\nfn t() {}",
                vec![3],
            ),
        ] {
            assert_eq!(Source::read(text).strays, lines, "{text}");
        }
    }

    #[test]
    fn ignored_tests_are_told_apart() {
        let source = Source::read("#[test] #[ignore = \"slow\"] fn a() {} #[test] fn b() {}");
        let ignored: Vec<bool> = source.tests.iter().map(|test| test.ignored).collect();
        assert_eq!(ignored, [true, false]);
    }
}
