//! Conditions of routes: an expression in CEL over what is known of one instance.
//!
//! Lives here: reading a condition (syntax, names, types, cost) when it is saved, and asking it when an instance
//! comes. The syntax tree and the evaluation are the `cel` crate's. Never here: which routes there are.
//!
//! Invariant: a condition that was saved names only attributes that exist, compares only what can be compared, and
//! ends within [`MAX_STEPS`] steps whatever the instance holds; so it can be asked on the way in without waiting.

mod check;
mod variables;

use std::sync::{Arc, LazyLock};

use causeway_core::InstanceRecord;
use cel::{Context, Env, Program, Value};

pub use check::{MAX_STEPS, Type};
use variables::Bound;
pub use variables::{Variable, variables};

/// Longest condition, in bytes.
pub const MAX_SOURCE_BYTES: usize = 2048;
/// Deepest nesting of brackets and choices in a condition.
pub const MAX_NESTING: usize = 16;

/// Why a condition cannot be saved. Positions are line and column, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Longer than [`MAX_SOURCE_BYTES`], or nested deeper than [`MAX_NESTING`].
    #[error(
        "the condition is too long or too deeply nested: at most {MAX_SOURCE_BYTES} bytes and {MAX_NESTING} levels"
    )]
    TooLarge,
    /// No CEL.
    #[error("the condition cannot be read at {position}: {words}")]
    Syntax {
        /// Where.
        position: Position,
        /// What the parser says.
        words: String,
    },
    /// A name that means nothing.
    #[error("'{name}' at {position} is no attribute that a condition can ask for{hint}")]
    UnknownName {
        /// The name.
        name: String,
        /// Where.
        position: Position,
        /// What may have been meant, as the end of the sentence.
        hint: String,
    },
    /// A function that is not offered.
    #[error("'{name}' at {position} is no function that a condition can use; it may use {offered}")]
    UnknownFunction {
        /// The function's name.
        name: String,
        /// Where.
        position: Position,
        /// Those that are offered.
        offered: &'static str,
    },
    /// Something of a type that does not fit there.
    #[error("'{operation}' at {position} cannot be used on {found}{subject}")]
    WrongType {
        /// The operator or function.
        operation: String,
        /// Where.
        position: Position,
        /// The types that it was given.
        found: String,
        /// Which attribute has that type, as the end of the sentence.
        subject: String,
    },
    /// It does not say yes or no.
    #[error("the condition must say true or false; it gives {0}")]
    NotBoolean(Type),
    /// It may take too long.
    #[error("the condition may take {steps} steps on one instance; at most {MAX_STEPS} are allowed")]
    TooCostly {
        /// How many, at worst.
        steps: u64,
    },
}

/// A place in the source of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What a condition says of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not hold.
    DoesNotHold,
    /// It compares a number that this instance does not have, so it cannot hold.
    Lacks(&'static str),
    /// It could not be evaluated (an overflow, a division by zero, a text that is no number). No values are told.
    Failed(&'static str),
}

/// A condition that was read and found sound. Cheap to clone.
#[derive(Clone)]
pub struct Condition {
    source: Arc<str>,
    program: Arc<Program>,
    numbers: Arc<[&'static Variable]>,
}

/// The functions and operators of all conditions.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Fails only for names declared twice, of which there are none; the tests use what it adds.
    let _ = env.add_extension(cel::extensions::strings);
    Arc::new(env)
});

impl Condition {
    /// Reads a condition: syntax, names, types, cost.
    ///
    /// # Errors
    /// Names what is wrong and where.
    pub fn parse(source: &str) -> Result<Self, ConditionError> {
        check::size(source)?;
        let program = ENVIRONMENT.compile(source).map_err(|errors| syntax_error(&errors))?;
        let names = check::check(&program, source)?;
        let numbers = names.into_iter().filter(|variable| variable.kind.is_number()).collect();
        Ok(Self { source: source.into(), program: Arc::new(program), numbers })
    }

    /// The condition as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Asks the condition of an instance.
    #[must_use]
    pub fn ask(&self, record: &InstanceRecord) -> Verdict {
        let bound = Bound(record);
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(&bound);
        match self.program.execute(&context) {
            Ok(Value::Bool(true)) => Verdict::Holds,
            Ok(Value::Bool(false)) => Verdict::DoesNotHold,
            Ok(_) => Verdict::Failed("it gave neither true nor false"),
            // The library's words may quote values of the instance: they stay here.
            Err(error) => match self.numbers.iter().find(|number| !number.is_in(record)) {
                Some(missing) => Verdict::Lacks(missing.name),
                None => Verdict::Failed(reason(&error)),
            },
        }
    }
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Condition").field(&self.source).finish()
    }
}

fn reason(error: &cel::ExecutionError) -> &'static str {
    use cel::ExecutionError as E;
    match error {
        E::DivisionByZero(_) | E::RemainderByZero(_) => "it divides by zero",
        E::Overflow(..) => "a number in it grows too large",
        E::IndexOutOfBounds(_) => "it asks for a value beyond the last of an attribute",
        E::FunctionError { .. } => "a function in it cannot take the value of this instance",
        _ => "it cannot be evaluated on this instance",
    }
}

fn syntax_error(errors: &cel::ParseErrors) -> ConditionError {
    let (position, words) = errors.errors.first().map_or_else(
        || (Position { line: 1, column: 1 }, "it is no expression".to_owned()),
        |error| {
            let at = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
            (Position { line: at(error.pos.0), column: at(error.pos.1) }, error.msg.clone())
        },
    );
    ConditionError::Syntax { position, words }
}

#[cfg(test)]
mod tests;
