//! Enough of regular expressions for the patterns of the schema, so that a test needs no library for them.
//!
//! Literals, `[...]`, `[^...]`, `\s`, escapes, `\uXXXX`, groups, `|`, `*`, `+`, `?`, `{n}`, `{n,m}`, `^` and `$`.

use std::collections::BTreeSet;

/// One thing that a pattern asks for.
#[derive(Debug, Clone)]
enum Wanted {
    One {
        ranges: Vec<(char, char)>,
        spaces: bool,
        negated: bool,
    },
    Begin,
    End,
    /// One of several sequences.
    Any(Vec<Vec<(Self, usize, usize)>>),
}

/// A part of a sequence: what, at least how often, at most how often.
type Times = (Wanted, usize, usize);

/// True if the pattern is found somewhere in the text.
pub(super) fn found(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    let whole = alternatives(&pattern, &mut at);
    assert_eq!(at, pattern.len(), "a `)` too many");
    let text: Vec<char> = text.chars().collect();
    (0..=text.len()).any(|from| !ends(&whole, &text, from).is_empty())
}

fn alternatives(pattern: &[char], at: &mut usize) -> Wanted {
    let mut all = vec![vec![]];
    while let Some(&c) = pattern.get(*at) {
        match c {
            ')' => break,
            '|' => {
                *at += 1;
                all.push(vec![]);
            }
            _ => {
                let wanted = atom(pattern, at);
                let (least, most) = times(pattern, at);
                all.last_mut().unwrap().push((wanted, least, most));
            }
        }
    }
    Wanted::Any(all)
}

fn atom(pattern: &[char], at: &mut usize) -> Wanted {
    let c = pattern[*at];
    *at += 1;
    match c {
        '(' => {
            let group = alternatives(pattern, at);
            assert_eq!(pattern.get(*at), Some(&')'), "an open `(`");
            *at += 1;
            group
        }
        '[' => class(pattern, at),
        '^' => Wanted::Begin,
        '$' => Wanted::End,
        '\\' => {
            let (ranges, spaces) = escaped(pattern, at);
            Wanted::One { ranges, spaces, negated: false }
        }
        c => {
            assert!(!"*+?{.".contains(c), "`{c}` is not read here");
            Wanted::One { ranges: vec![(c, c)], spaces: false, negated: false }
        }
    }
}

fn class(pattern: &[char], at: &mut usize) -> Wanted {
    let negated = pattern[*at] == '^';
    *at += usize::from(negated);
    let (mut ranges, mut spaces) = (vec![], false);
    while pattern[*at] != ']' {
        let c = pattern[*at];
        *at += 1;
        let more = if c == '\\' { escaped(pattern, at) } else { (vec![(c, c)], false) };
        spaces |= more.1;
        ranges.extend(more.0);
        // A `-` at the end is one.
        if pattern[*at] == '-' && pattern[*at + 1] != ']' {
            *at += 1;
            let c = pattern[*at];
            *at += 1;
            let last = if c == '\\' { escaped(pattern, at).0[0].0 } else { c };
            ranges.last_mut().unwrap().1 = last;
        }
    }
    *at += 1;
    Wanted::One { ranges, spaces, negated }
}

fn escaped(pattern: &[char], at: &mut usize) -> (Vec<(char, char)>, bool) {
    let c = pattern[*at];
    *at += 1;
    let literal = match c {
        's' => return (vec![], true),
        'n' => '\n',
        'u' => {
            let digits: String = pattern[*at..*at + 4].iter().collect();
            *at += 4;
            char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap()
        }
        c => {
            assert!(!c.is_ascii_alphanumeric(), "`\\{c}` is not read here");
            c
        }
    };
    (vec![(literal, literal)], false)
}

fn times(pattern: &[char], at: &mut usize) -> (usize, usize) {
    let found = match pattern.get(*at) {
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('?') => (0, 1),
        Some('{') => {
            let end = pattern[*at..].iter().position(|c| *c == '}').unwrap();
            let inside: String = pattern[*at + 1..*at + end].iter().collect();
            *at += end;
            let (least, most) = inside.split_once(',').unwrap_or((&inside, &inside));
            (least.parse().unwrap(), most.parse().unwrap())
        }
        _ => return (1, 1),
    };
    *at += 1;
    found
}

/// Where a match that begins here may end.
fn ends(wanted: &Wanted, text: &[char], from: usize) -> BTreeSet<usize> {
    match wanted {
        Wanted::Begin => BTreeSet::from_iter((from == 0).then_some(from)),
        Wanted::End => BTreeSet::from_iter((from == text.len()).then_some(from)),
        Wanted::One { ranges, spaces, negated } => {
            let is = |c: &&char| {
                let inside = ranges.iter().any(|(first, last)| (first..=last).contains(c));
                (inside || *spaces && c.is_whitespace()) != *negated
            };
            text.get(from).filter(is).map(|_| from + 1).into_iter().collect()
        }
        Wanted::Any(all) => all.iter().flat_map(|sequence| sequence_ends(sequence, text, from)).collect(),
    }
}

fn sequence_ends(sequence: &[Times], text: &[char], from: usize) -> BTreeSet<usize> {
    sequence.iter().fold(BTreeSet::from([from]), |begins, (wanted, least, most)| {
        let (mut open, mut reached) = (begins, BTreeSet::new());
        for time in 0.. {
            if time >= *least {
                let before = reached.len();
                reached.extend(&open);
                // Nothing new: more times lead nowhere else.
                if reached.len() == before && time > *least {
                    break;
                }
            }
            if time == *most || open.is_empty() {
                break;
            }
            open = open.iter().flat_map(|from| ends(wanted, text, *from)).collect();
        }
        reached
    })
}

#[test]
fn patterns_mean_what_they_mean_elsewhere() {
    for (pattern, yes, no) in [
        ("^a*$", ["", "aaa"], ["b", "ab"]),
        ("^(ab|c)+$", ["ab", "cabc"], ["", "a"]),
        ("^[a-c-]{2,3}$", ["a-", "abc"], ["a", "abca"]),
        ("^[^a\\s]?$", ["", "b"], ["a", " "]),
        ("a|^b$", ["xax", "b"], ["xb", ""]),
        ("^[.]\\[\\u0041$", [".[A", ".[A"], ["x[A", ".[B"]),
        ("^([.]a){0,2}b$", ["b", ".a.ab"], [".a.a.ab", ".b"]),
        ("[{:\\n]", ["a\nb", "x:"], ["", "ab"]),
        ("^(a*)*b$", ["aab", "b"], ["aa", "c"]),
    ] {
        for text in yes {
            assert!(found(pattern, text), "{pattern} {text:?}");
        }
        for text in no {
            assert!(!found(pattern, text), "{pattern} {text:?}");
        }
    }
}
