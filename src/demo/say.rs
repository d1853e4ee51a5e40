//! What the terminal shows: headings of ours, and lines that were received.

use std::io::{IsTerminal, Write, stdout};
use std::sync::Arc;

/// Writes whole lines, coloured where a person looks on.
#[derive(Clone)]
pub struct Narrator {
    colour: bool,
    /// So that a frame does not land within another line's block.
    turn: Arc<std::sync::Mutex<()>>,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const CYAN: &str = "36";

impl Narrator {
    /// With colours if standard output is a terminal and nobody asked for none.
    pub fn new(no_colour: bool) -> Narrator {
        Narrator {
            colour: !no_colour && stdout().is_terminal(),
            turn: Arc::default(),
        }
    }

    fn line(&self, text: &str) {
        let _turn = self.turn.lock();
        // Nobody may read; the story's end says so by its exit code all the same.
        let _ = writeln!(stdout(), "{text}");
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// A heading.
    pub fn heading(&self, text: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, text)));
    }

    /// What the stack says of itself.
    pub fn note(&self, text: &str) {
        self.line(&self.paint(DIM, text));
    }

    /// A call and what it was answered.
    pub fn answer(&self, call: &str, answer: &str) {
        self.line(&format!(
            "  {} {}",
            self.paint(DIM, &format!("{call:<42}")),
            self.paint(GREEN, answer)
        ));
    }

    /// A frame of the stream that is open all the time.
    pub fn frame(&self, head: &str, lines: &[String]) {
        let mut text = format!(
            "  {} {}",
            self.paint(DIM, &format!("{:<42}", "~ WatchEntitlements")),
            self.paint(CYAN, head)
        );
        for line in lines {
            text.push_str(&format!(
                "\n  {:<42} {}",
                "",
                self.paint(CYAN, &format!("  {line}"))
            ));
        }
        self.line(&text);
    }
}
