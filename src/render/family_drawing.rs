//! The drawings of the corporate family and of the rivals. Coordinates are those of a page that is read from left to
//! right; for Persian the x axis is mirrored.

use super::view::Tongue;
use crate::{
    report::{Fact, Field, Record, Report, Status},
    text,
};

/// Width of both drawings: a phone's page.
pub const WIDTH: i32 = 330;

const ROW: i32 = 52;
const TILE: i32 = 42;
const INDENT: i32 = 24;

/// How wide a character is at most in common fonts, in the size that names have.
fn width_of(c: char) -> i32 {
    match c {
        'W' | 'M' | '@' | '…' => 14,
        'A'..='Z' | 'm' | 'w' | 'ش' | 'س' | 'ص' | 'ض' => 11,
        _ if c.is_ascii() || text::is_persian_letter(c) => 8,
        _ => 15,
    }
}

/// As much of a name as there is room for.
fn fit(name: &str, room: i32) -> String {
    let mut taken = 0;
    let fits = name.chars().take_while(|&c| {
        taken += width_of(c);
        taken <= room
    });
    match fits.count() {
        all if all == name.chars().count() => name.to_owned(),
        // The ellipsis takes the place of two.
        some => text::shorten(name, some.saturating_sub(1)),
    }
}

/// Boxes of one kind that are drawn; the page's text lists all.
const MOST: usize = 6;

/// Boxes joined by lines.
pub struct Drawing {
    pub tiles: Vec<Tile>,
    /// Paths of the lines, and whether a quote supports what they say.
    pub lines: Vec<(String, bool)>,
    pub height: i32,
    /// What a screen reader says in its place.
    pub text: String,
}

/// A name with what it is to the brand.
pub struct Tile {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    /// Where its text begins.
    pub text_x: i32,
    pub name: String,
    pub whole_name: String,
    pub role: &'static str,
    pub class: &'static str,
}

/// A name, what it is to the brand, and whether a quote supports that.
struct Relative<'a> {
    name: &'a str,
    role: &'static str,
    class: &'static str,
    sure: bool,
}

impl<'a> Relative<'a> {
    fn of(fact: &'a Fact, role: &'static str, class: &'static str) -> Self {
        Self {
            name: &fact.value,
            role,
            class,
            sure: fact.status == Status::Supported,
        }
    }
}

/// The owners above the brand, its sisters beside it, its subsidiaries below; none where it has no family.
pub fn family(t: Tongue, report: &Report) -> Option<Drawing> {
    let facts = &report.facts.brand;
    let (below, sisters) = (
        facts.all(Field::Subsidiaries),
        facts.all(Field::SisterBrands),
    );
    let owners = owners(t, facts);
    if owners.is_empty() && below.is_empty() && sisters.is_empty() {
        return None;
    }
    let mut tree = Tree::new(t);
    let mut above = None;
    for (depth, owner) in owners.iter().enumerate() {
        above = Some(tree.add(depth, above, owner));
    }
    let depth = owners.len();
    let brand = Relative {
        name: &report.brand,
        role: t.pick("این برند", "this brand"),
        class: "own",
        sure: true,
    };
    let own = tree.add(depth, above, &brand);
    let role = Field::Subsidiaries.each(t.fa);
    tree.add_some(depth + 1, Some(own), below, role, "below");
    let role = Field::SisterBrands.each(t.fa);
    tree.add_some(depth, above, sisters, role, "sister");
    Some(tree.drawing(t.pick("خانوادهٔ شرکتی", "Corporate family")))
}

/// From the topmost owner down to the parent.
fn owners(t: Tongue, facts: &Record) -> Vec<Relative<'_>> {
    let owner = |field: Field| {
        let fact = facts.one(field);
        fact.map(|fact| Relative::of(fact, field.each(t.fa), "owner"))
    };
    let (ultimate, parent) = (owner(Field::UltimateParent), owner(Field::Parent));
    match (ultimate, parent) {
        (Some(u), Some(p)) if text::key(u.name) == text::key(p.name) => vec![p],
        (ultimate, parent) => ultimate.into_iter().chain(parent).collect(),
    }
}

/// Rivals, similar and complementary brands around the brand; none where there are none.
pub fn rivals(t: Tongue, report: &Report) -> Option<Drawing> {
    let kinds = [
        (Field::Competitors, "rival"),
        (Field::SimilarBrands, "similar"),
        (Field::ComplementaryBrands, "partner"),
    ];
    let around: Vec<Relative> = kinds
        .into_iter()
        .flat_map(|(field, class)| {
            let some = report.facts.all(field).take(MOST);
            some.map(move |fact| Relative::of(fact, field.each(t.fa), class))
        })
        .collect();
    if around.is_empty() {
        return None;
    }
    Some(star(t, &report.brand, &around))
}

/// The brand at the side, in the middle of the column of the others.
fn star(t: Tongue, brand: &str, around: &[Relative<'_>]) -> Drawing {
    let (own_width, width) = (104, 176);
    let height = rows_height(around.len());
    let own_y = (height - TILE) / 2;
    let own = Relative {
        name: brand,
        role: t.pick("این برند", "this brand"),
        class: "own",
        sure: true,
    };
    let mut tiles = vec![Tile::new(t, &own, 1, own_y, own_width)];
    let mut lines = Vec::new();
    let x = |x: i32| if t.fa { WIDTH - x } else { x };
    for (row, other) in (0..).zip(around) {
        let y = row * ROW + 1;
        tiles.push(Tile::new(t, other, WIDTH - width - 1, y, width));
        let (from, to) = (own_width + 1, WIDTH - width - 1);
        let middle = x(i32::midpoint(from, to));
        let (own_middle, other_middle) = (own_y + TILE / 2, y + TILE / 2);
        lines.push((
            format!(
                "M{} {own_middle} C{middle} {own_middle} {middle} {other_middle} {} {other_middle}",
                x(from),
                x(to)
            ),
            other.sure,
        ));
    }
    let title = t.pick("رقیبان و همکاران", "Rivals and partners");
    Drawing {
        text: in_words(title, &tiles),
        tiles,
        lines,
        height,
    }
}

/// Rows that hang below each other, deeper ones further in.
struct Tree {
    t: Tongue,
    tiles: Vec<Tile>,
    lines: Vec<(String, bool)>,
    /// Depth and vertical middle of each row.
    rows: Vec<(i32, i32)>,
}

impl Tree {
    fn new(t: Tongue) -> Self {
        Self {
            t,
            tiles: Vec::new(),
            lines: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds a row below `above`; gives back which it is.
    fn add(&mut self, depth: usize, above: Option<usize>, relative: &Relative<'_>) -> usize {
        let row = self.rows.len();
        let depth = i32::try_from(depth).unwrap_or(0);
        let y = i32::try_from(row).unwrap_or(0) * ROW + 1;
        let x = depth * INDENT + 1;
        let middle = y + TILE / 2;
        self.tiles
            .push(Tile::new(self.t, relative, x, y, WIDTH - x - 1));
        self.rows.push((depth, middle));
        if let Some(&(upper, upper_middle)) = above.and_then(|above| self.rows.get(above)) {
            let turn = |x: i32| if self.t.fa { WIDTH - x } else { x };
            let stem = turn(upper * INDENT + INDENT / 2);
            let from = upper_middle + TILE / 2;
            self.lines.push((
                format!("M{stem} {from} V{middle} H{}", turn(x)),
                relative.sure,
            ));
        }
        row
    }

    /// Adds a row for each fact, as long as there is room.
    fn add_some(
        &mut self,
        depth: usize,
        above: Option<usize>,
        facts: &[Fact],
        role: &'static str,
        class: &'static str,
    ) {
        for fact in facts.iter().take(MOST) {
            self.add(depth, above, &Relative::of(fact, role, class));
        }
        if facts.len() > MOST {
            let more = facts.len() - MOST;
            let name = self.t.digits(&match self.t.fa {
                true => format!("و {more} نام دیگر"),
                false => format!("and {more} more"),
            });
            let rest = Relative {
                name: &name,
                role,
                class,
                sure: true,
            };
            self.add(depth, above, &rest);
        }
    }

    fn drawing(self, title: &str) -> Drawing {
        Drawing {
            text: in_words(title, &self.tiles),
            height: rows_height(self.rows.len()),
            tiles: self.tiles,
            lines: self.lines,
        }
    }
}

impl Tile {
    fn new(t: Tongue, relative: &Relative<'_>, x: i32, y: i32, width: i32) -> Self {
        const PADDING: i32 = 11;
        let (x, text_x) = match t.fa {
            true => (WIDTH - x - width, WIDTH - x - PADDING),
            false => (x, x + PADDING),
        };
        let whole_name = text::shorten(&text::clean(relative.name), 200);
        Self {
            x,
            y,
            width,
            height: TILE,
            text_x,
            name: fit(&whole_name, width - 2 * PADDING),
            whole_name,
            role: relative.role,
            class: relative.class,
        }
    }
}

fn rows_height(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(0) * ROW - (ROW - TILE) + 2
}

fn in_words(title: &str, tiles: &[Tile]) -> String {
    let names: Vec<String> = tiles
        .iter()
        .map(|tile| format!("{} ({})", tile.whole_name, tile.role))
        .collect();
    format!("{title}: {}", names.join("، "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_keeps_within_its_box(name in "[WMa-zسشا-ی ]{0,80}", room in 30..300) {
            let shown = fit(&name, room);
            let width: i32 = shown.chars().map(width_of).sum();
            prop_assert!(width <= room + 14, "{shown}: {width} of {room}");
            prop_assert!(shown == name || shown.ends_with('…'));
        }
    }
}
