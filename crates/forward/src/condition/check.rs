//! Reading a condition's syntax tree: every name known, every type fitting, the cost bounded. Pure.
//!
//! CEL itself checks at run time only; here it is checked when a route is saved, over the part of CEL that a
//! condition may use. The macros (`exists`, `all`, `exists_one`, `map`, `filter`) arrive expanded to comprehensions.

use std::fmt;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use cel::{IdedExpr, Program};

use super::variables::{self, Variable};
use super::{ConditionError, MAX_NESTING, MAX_SOURCE_BYTES, Position};

/// Most steps that a condition may take on one instance: a step is one node of the syntax tree evaluated once.
pub const MAX_STEPS: u64 = 50_000;
/// Deepest syntax tree.
const MAX_DEPTH: usize = 64;
/// What a function over texts counts, since texts may be long.
const TEXT_STEPS: u64 = 8;

const OFFERED: &str = "size, contains, startsWith, endsWith, lowerAscii, upperAscii, trim, int, double, string, \
                       exists, all, exists_one, map and filter";

/// The type of a part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Real,
    /// A text.
    Text,
    /// Values of one type, at most so many.
    List(Box<Type>, usize),
    /// What an empty list holds.
    Nothing,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true/false"),
            Self::Int => f.write_str("whole number"),
            Self::Real => f.write_str("number"),
            Self::Text => f.write_str("text"),
            Self::List(of, _) => write!(f, "list of {of}"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

impl Type {
    fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Real)
    }

    /// The type that both are, if one.
    fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Nothing, known) | (known, Self::Nothing) => Some(known.clone()),
            (Self::List(a, m), Self::List(b, n)) => Some(Self::List(Box::new(a.join(b)?), *m.max(n))),
            (a, b) => (a == b).then(|| a.clone()),
        }
    }

    fn can_equal(&self, other: &Self) -> bool {
        (self.is_number() && other.is_number()) || self.join(other).is_some()
    }
}

/// Refuses what is too long or nested too deep to be handed to the parser, which knows no limit.
pub(super) fn size(source: &str) -> Result<(), ConditionError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(ConditionError::TooLarge);
    }
    let (mut depth, mut choices) = (0_usize, 0_usize);
    let mut operators = 0_usize;
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'?' => choices += 1,
            b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' | b'=' | b'&' | b'|' => operators += 1,
            _ => {}
        }
        if depth > MAX_NESTING || choices > MAX_NESTING || operators > MAX_OPERATORS {
            return Err(ConditionError::TooLarge);
        }
    }
    Ok(())
}

/// Most operator characters in a condition: they nest to the left, one level each.
const MAX_OPERATORS: usize = 256;

/// Checks the whole; gives the variables that it asks for.
pub(super) fn check(program: &Program, source: &str) -> Result<Vec<&'static Variable>, ConditionError> {
    let mut checker = Checker { program, source, scopes: Vec::new(), used: Vec::new(), depth: 0 };
    let Found { of, steps } = checker.visit(program.expression())?;
    if of != Type::Bool {
        return Err(ConditionError::NotBoolean(of));
    }
    if steps > MAX_STEPS {
        return Err(ConditionError::TooCostly { steps });
    }
    Ok(checker.used)
}

/// What is found out about a part.
struct Found {
    of: Type,
    steps: u64,
}

struct Checker<'a> {
    program: &'a Program,
    source: &'a str,
    /// Names that comprehensions brought in, innermost last.
    scopes: Vec<(String, Type)>,
    used: Vec<&'static Variable>,
    depth: usize,
}

impl Checker<'_> {
    fn visit(&mut self, node: &IdedExpr) -> Result<Found, ConditionError> {
        if self.depth >= MAX_DEPTH {
            return Err(ConditionError::TooLarge);
        }
        self.depth += 1;
        let found = match &node.expr {
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Ident(name) => self.name(node, name),
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => self.list(node, &list.elements),
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension),
            Expr::Select(select) if select.test => Err(self.unknown_function(node, "has")),
            Expr::Select(_) => Err(self.unknown_name(node, &self.text_of(node))),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Err(self.unfit(node, "a map", &[], None)),
        };
        self.depth -= 1;
        found
    }

    fn literal(&self, node: &IdedExpr, literal: &LiteralValue) -> Result<Found, ConditionError> {
        let of = match literal {
            LiteralValue::Boolean(_) => Type::Bool,
            LiteralValue::Int(_) => Type::Int,
            LiteralValue::Double(_) => Type::Real,
            LiteralValue::String(_) => Type::Text,
            LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => {
                return Err(ConditionError::Syntax {
                    position: self.position(node),
                    words: "null, bytes and unsigned numbers have no meaning in a condition".to_owned(),
                });
            }
        };
        Ok(Found { of, steps: 1 })
    }

    fn name(&mut self, node: &IdedExpr, name: &str) -> Result<Found, ConditionError> {
        if let Some((_, of)) = self.scopes.iter().rev().find(|(known, _)| known == name) {
            return Ok(Found { of: of.clone(), steps: 1 });
        }
        let Some(variable) = variables::find(name) else { return Err(self.unknown_name(node, name)) };
        if !self.used.contains(&variable) {
            self.used.push(variable);
        }
        // A list is copied when it is asked for.
        let of = variable.value_type();
        let steps = if let Type::List(_, most) = &of { *most as u64 } else { 1 };
        Ok(Found { of, steps })
    }

    fn list(&mut self, node: &IdedExpr, elements: &[IdedExpr]) -> Result<Found, ConditionError> {
        let (mut of, mut steps) = (Type::Nothing, 1_u64);
        for element in elements {
            let found = self.visit(element)?;
            steps = steps.saturating_add(found.steps);
            of = match of.join(&found.of) {
                Some(of) => of,
                None => return Err(self.unfit(node, "[ ]", &[&of, &found.of], Some(element))),
            };
        }
        Ok(Found { of: Type::List(Box::new(of), elements.len()), steps })
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Result<Found, ConditionError> {
        let operands: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let style = if call.target.is_some() { Style::Member } else { Style::Global };
        // A function that is not offered is named as such, whatever its arguments are.
        if !is_offered(&call.func_name, style, operands.len()) {
            return Err(self.unknown_function(node, &call.func_name));
        }
        let mut steps = cost(&call.func_name);
        let mut types = Vec::with_capacity(operands.len());
        for operand in &operands {
            let found = self.visit(operand)?;
            steps = steps.saturating_add(found.steps);
            types.push(found.of);
        }
        match result(&call.func_name, &types) {
            Some(of) => {
                // Looking through a list, or copying it, takes a step for each value.
                let longest = types.iter().chain([&of]).map(length).max().unwrap_or(0);
                Ok(Found { of, steps: steps.saturating_add(longest) })
            }
            None => {
                let types: Vec<&Type> = types.iter().collect();
                Err(self.unfit(node, plain(&call.func_name), &types, operands.first().copied()))
            }
        }
    }

    /// `fold` over a list: the accumulator's type must hold from round to round, and may grow by a fixed number of
    /// values in each.
    fn comprehension(
        &mut self,
        node: &IdedExpr,
        comprehension: &ComprehensionExpr,
    ) -> Result<Found, ConditionError> {
        let range = self.visit(&comprehension.iter_range)?;
        let Type::List(element, rounds) = &range.of else {
            return Err(self.unfit(
                node,
                "exists, all, map or filter",
                &[&range.of],
                Some(&comprehension.iter_range),
            ));
        };
        let init = self.visit(&comprehension.accu_init)?;
        let scope = self.scopes.len();
        self.scopes.push((comprehension.iter_var.clone(), (**element).clone()));
        self.scopes.push((comprehension.accu_var.clone(), init.of.clone()));
        let condition = self.visit(&comprehension.loop_cond)?;
        let step = self.visit(&comprehension.loop_step)?;
        let Some(of) = grown(&init.of, &step.of, *rounds) else {
            return Err(self.unfit(node, "exists, all, map or filter", &[&init.of, &step.of], None));
        };
        self.scopes.truncate(scope);
        self.scopes.push((comprehension.accu_var.clone(), of));
        let last = self.visit(&comprehension.result)?;
        self.scopes.truncate(scope);
        let rounds = (*rounds as u64).max(1);
        let each = condition.steps.saturating_add(step.steps);
        let steps = [range.steps, init.steps, each.saturating_mul(rounds), last.steps];
        Ok(Found { of: last.of, steps: steps.into_iter().fold(1, u64::saturating_add) })
    }

    // What is said when something is wrong.

    fn position(&self, node: &IdedExpr) -> Position {
        let start = self.program.source_info().offset_for(node.id).map_or(0, |(start, _)| start as usize);
        let before = self.source.chars().take(start);
        let line = before.clone().filter(|c| *c == '\n').count() + 1;
        let column = before.collect::<Vec<_>>().iter().rev().take_while(|c| **c != '\n').count() + 1;
        Position { line, column }
    }

    fn text_of(&self, node: &IdedExpr) -> String {
        match &node.expr {
            Expr::Ident(name) => name.clone(),
            Expr::Select(select) => format!("{}.{}", self.text_of(&select.operand), select.field),
            _ => "(…)".to_owned(),
        }
    }

    fn unknown_name(&self, node: &IdedExpr, name: &str) -> ConditionError {
        let hint = if variables::is_sequence(name) {
            "; it is a sequence, which a condition cannot look into".to_owned()
        } else {
            nearest(name).map(|near| format!("; '{near}' is one")).unwrap_or_default()
        };
        ConditionError::UnknownName { name: name.to_owned(), position: self.position(node), hint }
    }

    fn unknown_function(&self, node: &IdedExpr, name: &str) -> ConditionError {
        let position = self.position(node);
        ConditionError::UnknownFunction { name: plain(name).to_owned(), position, offered: OFFERED }
    }

    fn unfit(
        &self,
        node: &IdedExpr,
        operation: &str,
        types: &[&Type],
        subject: Option<&IdedExpr>,
    ) -> ConditionError {
        let found = match types {
            [] => "this".to_owned(),
            _ => types.iter().map(|of| format!("a {of}")).collect::<Vec<_>>().join(" and "),
        };
        let named = subject.and_then(|node| match &node.expr {
            Expr::Ident(name) => variables::find(name),
            _ => None,
        });
        let subject = named
            .map(|variable| format!(" ('{}' is a {})", variable.name, variable.value_type()))
            .unwrap_or_default();
        ConditionError::WrongType {
            operation: operation.to_owned(),
            position: self.position(node),
            found,
            subject,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Global,
    Member,
}

fn is_offered(name: &str, style: Style, operands: usize) -> bool {
    let member = style == Style::Member;
    match name {
        operators::LOGICAL_NOT | operators::NEGATE | operators::NOT_STRICTLY_FALSE => {
            !member && operands == 1
        }
        operators::CONDITIONAL => !member && operands == 3,
        "size" => operands == 1,
        "int" | "double" | "string" => !member && operands == 1,
        "lowerAscii" | "upperAscii" | "trim" => member && operands == 1,
        "contains" | "startsWith" | "endsWith" => member && operands == 2,
        _ => !member && operands == 2 && is_binary(name),
    }
}

fn is_binary(name: &str) -> bool {
    use operators::{
        ADD, DIVIDE, EQUALS, GREATER, GREATER_EQUALS, IN, INDEX, LESS, LESS_EQUALS, LOGICAL_AND, LOGICAL_OR,
        MODULO, MULTIPLY, NOT_EQUALS, SUBSTRACT,
    };
    [
        ADD,
        DIVIDE,
        EQUALS,
        GREATER,
        GREATER_EQUALS,
        IN,
        INDEX,
        LESS,
        LESS_EQUALS,
        LOGICAL_AND,
        LOGICAL_OR,
        MODULO,
        MULTIPLY,
        NOT_EQUALS,
        SUBSTRACT,
    ]
    .contains(&name)
}

/// What an operator or function gives for operands of these types; `None`: it cannot be used on them.
fn result(name: &str, types: &[Type]) -> Option<Type> {
    use Type::{Bool, Int, List, Real, Text};
    match (name, types) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR, [Bool, Bool]) => Some(Bool),
        (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [Bool]) => Some(Bool),
        (operators::CONDITIONAL, [Bool, a, b]) => a.join(b),
        (operators::EQUALS | operators::NOT_EQUALS, [a, b]) => a.can_equal(b).then_some(Bool),
        (
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
            [a, b],
        ) => ((a.is_number() && b.is_number()) || (*a == Text && *b == Text)).then_some(Bool),
        (operators::ADD, [List(a, m), List(b, n)]) => Some(List(Box::new(a.join(b)?), m.saturating_add(*n))),
        (operators::ADD, [Text, Text]) => Some(Text),
        (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, [Int, Int]) => {
            Some(Int)
        }
        (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, [Real, Real]) => {
            Some(Real)
        }
        (operators::MODULO, [Int, Int]) => Some(Int),
        (operators::NEGATE, [number]) if number.is_number() => Some(number.clone()),
        (operators::INDEX, [List(of, _), Int]) => Some((**of).clone()),
        (operators::IN, [value, List(of, _)]) => value.can_equal(of).then_some(Bool),
        ("size", [Text | List(..)]) => Some(Int),
        ("contains" | "startsWith" | "endsWith", [Text, Text]) => Some(Bool),
        ("lowerAscii" | "upperAscii" | "trim", [Text]) => Some(Text),
        ("int", [Text | Int | Real]) => Some(Int),
        ("double", [Text | Int | Real]) => Some(Real),
        ("string", [Text | Int | Real | Bool]) => Some(Text),
        _ => None,
    }
}

fn cost(name: &str) -> u64 {
    match name {
        operators::ADD
        | "contains"
        | "startsWith"
        | "endsWith"
        | "lowerAscii"
        | "upperAscii"
        | "trim"
        | "size"
        | "int"
        | "double"
        | "string" => TEXT_STEPS,
        _ => 1,
    }
}

fn length(of: &Type) -> u64 {
    if let Type::List(_, most) = of { *most as u64 } else { 0 }
}

/// The accumulator after `rounds` rounds, when one round makes `after` of `before`.
fn grown(before: &Type, after: &Type, rounds: usize) -> Option<Type> {
    let joined = before.join(after)?;
    let (Type::List(_, m), Type::List(of, n)) = (before, &joined) else { return Some(joined) };
    let growth = n.saturating_sub(*m).saturating_mul(rounds);
    Some(Type::List(of.clone(), m.saturating_add(growth)))
}

/// An operator as it is written.
fn plain(name: &str) -> &str {
    match name {
        operators::CONDITIONAL => "?:",
        operators::INDEX => "[ ]",
        operators::NEGATE => "-",
        operators::LOGICAL_NOT => "!",
        operators::IN => "in",
        name => name.trim_matches('_'),
    }
}

/// The name that is most like `name`, when one is like it.
fn nearest(name: &str) -> Option<&'static str> {
    const MAX_EDITS: usize = 2;
    let name = name.to_ascii_lowercase();
    let distances = variables::variables()
        .iter()
        .map(|variable| (edits(&name, &variable.name.to_ascii_lowercase()), variable.name));
    distances.filter(|(edits, _)| *edits <= MAX_EDITS).min().map(|(_, near)| near)
}

/// How many letters must be put in, taken out or changed to make `b` of `a`.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (pair, to) in row.windows(2).zip(b.bytes()) {
            let (Some(diagonal), Some(above)) = (pair.first(), pair.last()) else { continue };
            let left = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(from != to)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
