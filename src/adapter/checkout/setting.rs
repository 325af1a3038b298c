//! Settings as git writes them: `[section "subsection"]` and `key = value`.
//!
//! Decides what a line means, by git's own grammar (git's `config.c`): a section and a key may share a line, a value may go
//! on over lines. Pure.

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitSetting {
    /// `section` in lower case, or `section.subsection`.
    pub(super) section: String,
    /// In lower case.
    pub(super) key: String,
    /// `None`: the key stands alone, which means true.
    pub(super) value: Option<String>,
}

impl GitSetting {
    /// `core.filemode`, as git writes it where it is given from outside of files.
    pub(super) fn named(name: &str, value: &str) -> Option<Self> {
        let (section, key) = name.rsplit_once('.')?;
        let (head, below) = section.split_once('.').map_or((section, None), |(head, below)| (head, Some(below)));
        let head = head.to_ascii_lowercase();
        let section = below.map_or(head.clone(), |below| format!("{head}.{below}"));
        Some(Self { section, key: key.to_ascii_lowercase(), value: Some(value.to_owned()) })
    }

    /// The value as text; a key alone has none.
    pub(super) fn text(&self) -> Result<&str, String> {
        self.value.as_deref().ok_or_else(|| format!("{}.{} has no value", self.section, self.key))
    }

    /// The value as a truth, in the words that git takes for one.
    pub(super) fn truth(&self) -> Result<bool, String> {
        let Some(value) = self.value.as_deref() else { return Ok(true) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "" | "false" | "no" | "off" => Ok(false),
            other => other
                .parse::<i64>()
                .map(|number| number != 0)
                .map_err(|_| format!("{}.{} is {value:?}, which is neither true nor false", self.section, self.key)),
        }
    }
}

/// All settings of a file, in order; the number of a line that is none.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<GitSetting>, usize> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let mut reader = SettingReader { rest: text.strip_prefix('\u{feff}').unwrap_or(&text) };
    let mut section = String::new();
    let mut found = Vec::new();
    while let Some(first) = reader.next() {
        let read = match first {
            '#' | ';' => {
                reader.line();
                Some(())
            }
            '[' => reader.section().map(|name| section = name),
            c if c.is_ascii_whitespace() => Some(()),
            c if c.is_ascii_alphabetic() && !section.is_empty() => reader.key(c).map(|(key, value)| {
                found.push(GitSetting { section: section.clone(), key, value });
            }),
            _ => None,
        };
        read.ok_or_else(|| text.matches('\n').count().saturating_sub(reader.rest.matches('\n').count()).max(1))?;
    }
    Ok(found)
}

struct SettingReader<'a> {
    rest: &'a str,
}

impl SettingReader<'_> {
    fn next(&mut self) -> Option<char> {
        let mut left = self.rest.chars();
        let found = left.next();
        self.rest = left.as_str();
        found
    }

    /// Leaves out what is left of the line.
    fn line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, after)| after);
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// What follows `[`.
    fn section(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            match self.next()? {
                ']' if name.is_empty() => return None,
                ']' => return Some(name),
                c if c.is_ascii_alphanumeric() || c == '-' || c == '.' => name.push(c.to_ascii_lowercase()),
                ' ' | '\t' => break,
                _ => return None,
            }
        }
        self.blanks();
        name.push('.');
        if self.next()? != '"' {
            return None;
        }
        loop {
            match self.next()? {
                '\n' => return None,
                '"' => return (self.next()? == ']').then_some(name),
                '\\' => name.push(self.next().filter(|c| *c != '\n')?),
                c => name.push(c),
            }
        }
    }

    /// A key that begins with this letter, and its value.
    fn key(&mut self, first: char) -> Option<(String, Option<String>)> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(self.rest.len());
        let (more, rest) = self.rest.split_at(end);
        let key = format!("{first}{more}").to_ascii_lowercase();
        self.rest = rest;
        self.blanks();
        match self.next() {
            None | Some('\n') => Some((key, None)),
            Some('=') => Some((key, Some(self.value()?))),
            Some(_) => None,
        }
    }

    /// What follows `=`, to the end of the line, or of a later one where this one ends with `\`.
    fn value(&mut self) -> Option<String> {
        // Blanks at the end are none of it, so they wait for what follows.
        let (mut value, mut blanks, mut quoted) = (String::new(), String::new(), false);
        loop {
            let c = self.next().unwrap_or('\n');
            match c {
                '\n' => return (!quoted).then_some(value),
                '#' | ';' if !quoted => {
                    self.line();
                    return Some(value);
                }
                c if c.is_ascii_whitespace() && !quoted => {
                    if !value.is_empty() {
                        blanks.push(c);
                    }
                    continue;
                }
                _ => value.push_str(&std::mem::take(&mut blanks)),
            }
            match c {
                '"' => quoted = !quoted,
                '\\' => match self.next().unwrap_or('\n') {
                    '\n' => {}
                    't' => value.push('\t'),
                    'b' => value.push('\u{8}'),
                    'n' => value.push('\n'),
                    c @ ('\\' | '"') => value.push(c),
                    _ => return None,
                },
                c => value.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `section.key=value` of each.
    fn read(text: &str) -> Result<Vec<String>, usize> {
        let shown = |s: &GitSetting| format!("{}.{}={}", s.section, s.key, s.value.as_deref().unwrap_or("(alone)"));
        parse(text.as_bytes()).map(|settings| settings.iter().map(shown).collect())
    }

    #[test]
    fn the_forms_of_a_setting() {
        for (text, expected) in [
            ("[core]\n\tfileMode = false ; no\n", "core.filemode=false"),
            ("[core] fileMode = false", "core.filemode=false"),
            ("[CORE]fileMode=false # no", "core.filemode=false"),
            ("[core]\nfileMode = fa\\\nlse\n", "core.filemode=false"),
            ("[core]\r\nfileMode = \"false\"\r\n", "core.filemode=false"),
            ("\u{feff}[core]\nfileMode\n", "core.filemode=(alone)"),
            ("[core]\nfileMode =\n", "core.filemode="),
            ("[a \"B.c \\\" d\"]\nx=\" 1 \"  2 \\\\ \\t \n", "a.B.c \" d.x= 1   2 \\ \t"),
            ("[a.B]\nx=a#b\n", "a.b.x=a"),
        ] {
            assert_eq!(read(text), Ok(vec![expected.to_owned()]), "{text}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_told() {
        for (text, line) in [
            ("[core\n", 1),
            ("[core]\nx = \"open\n", 2),
            ("[core]\n\n=x", 2),
            ("x = 1\n", 1),
            ("[a \"b]\nx=1", 1),
            ("[a]\nx = \\q\n", 1),
        ] {
            assert!(read(text).is_err_and(|found| found.abs_diff(line) <= 1), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn gits_words_for_true_and_false() {
        for (value, expected) in [
            ("yes", Some(true)),
            ("ON", Some(true)),
            ("2", Some(true)),
            ("0", Some(false)),
            ("", Some(false)),
            ("maybe", None),
        ] {
            assert_eq!(GitSetting::named("core.fileMode", value).and_then(|s| s.truth().ok()), expected, "{value}");
        }
        let named = GitSetting::named("SUBMODULE.A.b.Ignore", "all").map(|s| (s.section, s.key));
        assert_eq!(named, Some(("submodule.A.b".to_owned(), "ignore".to_owned())));
    }

    proptest! {
        #[test]
        fn any_bytes_are_settings_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
