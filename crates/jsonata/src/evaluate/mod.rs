//! The evaluator: walks a program over values
//!
//! The rules are those of jsonata-js 2.0.6, which Step Functions names as its version; the comments give the reasons
//! where they look odd. Every part that is evaluated is a step and a level of depth, and everything that is made is
//! counted, so an evaluation ends within its limits whatever the expression is.

mod call;
mod group;
mod matching;
mod operators;
mod path;
mod sort;
mod transform;
mod tuple;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use smallvec::{SmallVec, smallvec};
use stepwell_json::Value;

use crate::expression::Evaluated;
use crate::item::{Dropper, Env, Frame, Function, Holder, Item, Lambda, List, Meter, Text, Transform};
use crate::program::{Code, CodeKind, Program, Symbol, Variable};
use crate::{Dialect, Error, Host, Limits};

pub(crate) use matching::Found;

/// Bytes that an evaluation counts from the start, so that the bound lies where AWS has it: `[1..873782]` fits.
const EVALUATION_BYTES: usize = 676;

/// Works a program out.
pub(crate) fn evaluate(
    program: &Program,
    dialect: Dialect,
    input: Option<&Value>,
    host: &mut dyn Host,
    limits: &Limits,
) -> Result<Evaluated, Error> {
    if let Some(result) = read(program, host) {
        host.took_steps(1);
        return result;
    }
    let steps = limits.steps.min(host.steps_left());
    let meter = Meter::new(limits.memory_bytes, steps);
    let mut given: SmallVec<[Option<Value>; 4]> = smallvec![None; program.names.len()];
    for symbol in &program.asked {
        if let (Some(slot), Some(name)) =
            (given.get_mut(symbol.0 as usize), program.names.get(symbol.0 as usize))
        {
            *slot = host.variable(name);
        }
    }
    let now_millis = host.now_millis();
    let globals = given.iter().zip(&program.builtins).map(|(value, builtin)| match (value, builtin) {
        (Some(value), _) => Item::from(value),
        (None, Some(builtin)) => Item::Builtin(builtin),
        (None, None) => Item::Undefined,
    });
    let evaluator = Evaluator {
        program,
        meter: &meter,
        dropper: Rc::default(),
        globals: globals.collect(),
        root: input.map_or(Item::Undefined, Item::from),
        dialect,
        depth: Cell::new(0),
        builtin_depth: Cell::new(0),
        depth_max: limits.depth,
        found_at: smallvec![Cell::new(0); program.lookups as usize],
        closed_over: RefCell::default(),
        host: RefCell::new(&mut *host),
        now_millis,
    };
    let result = evaluator.run();
    evaluator.break_circles();
    drop(evaluator);
    host.took_steps(steps - meter.steps_left());
    result
}

/// The value of a program that only reads: a variable and names behind it. Most expressions of workflows are such, and
/// need no evaluator as long as every name leads from an object to a member.
fn read(program: &Program, host: &mut dyn Host) -> Option<Result<Evaluated, Error>> {
    let code = &program.root;
    let CodeKind::Path(path) = &code.kind else { return None };
    if !code.is_bare() || path.keep_singleton || path.plain_names + 1 != path.steps.len() {
        return None;
    }
    let first = path.steps.first().filter(|step| step.is_bare());
    let Some(CodeKind::Variable(Variable::Global(symbol))) = first.map(|step| &step.kind) else {
        return None;
    };
    if program.builtins.get(symbol.0 as usize)?.is_some() {
        return None;
    }
    let value = host.variable(program.names.get(symbol.0 as usize)?);
    let mut current = value.as_ref();
    for step in path.steps.iter().skip(1) {
        let CodeKind::Name(name) = &step.kind else { return None };
        match current {
            Some(Value::Object(object)) => current = object.get(&name.text),
            Some(Value::Array(_)) => return None,
            _ => return Some(Ok(Evaluated::Nothing)),
        }
    }
    Some(Ok(current.map_or(Evaluated::Nothing, |value| Evaluated::Value(value.clone()))))
}

/// An evaluation at work
pub(crate) struct Evaluator<'i> {
    program: &'i Program,
    pub(crate) meter: &'i Meter,
    dropper: Rc<Dropper<'i>>,
    /// What each symbol means where no frame binds it
    globals: SmallVec<[Item<'i>; 4]>,
    root: Item<'i>,
    pub(crate) dialect: Dialect,
    depth: Cell<u32>,
    /// How deep functions of JSONata call each other by way of the functions that they are given. These levels are
    /// counted apart: AWS's bound on the depth is one on evaluations alone.
    builtin_depth: Cell<u32>,
    depth_max: u32,
    /// Where each member name was found last: objects of one array mostly have the same members
    found_at: SmallVec<[Cell<u32>; 8]>,
    /// Frames that functions close over
    closed_over: RefCell<Vec<Weak<Frame<'i>>>>,
    host: RefCell<&'i mut dyn Host>,
    pub(crate) now_millis: i64,
}

impl<'i> Evaluator<'i> {
    fn run(&self) -> Result<Evaluated, Error> {
        self.meter.take(EVALUATION_BYTES)?;
        let input = match &self.root {
            // An array as the whole input is one value, not a sequence.
            Item::InputArray(_) => {
                let mut wrapper = self.sequence()?;
                wrapper.flags_mut().outer_wrapper = true;
                wrapper.push(self.root.clone())?;
                wrapper.into_item()
            }
            other => other.clone(),
        };
        // What is bound outside all blocks needs a frame too.
        let env = self.block_env(self.program.binds, &None)?;
        let result = self.eval(&self.program.root, &input, &env)?;
        let meter = self.meter.anew();
        let evaluated = crate::item::evaluated(&result, &meter);
        self.meter.go_on_from(&meter);
        evaluated
    }

    /// Counts steps.
    #[inline]
    pub(crate) fn step(&self, steps: usize) -> Result<(), Error> {
        self.meter.step(steps)
    }

    #[inline]
    fn enter(&self) -> Result<(), Error> {
        self.deepen(&self.depth)
    }

    fn enter_builtin(&self) -> Result<(), Error> {
        self.deepen(&self.builtin_depth)
    }

    fn leave_builtin(&self) {
        self.builtin_depth.set(self.builtin_depth.get() - 1);
    }

    #[inline]
    fn deepen(&self, depth: &Cell<u32>) -> Result<(), Error> {
        let deeper = depth.get() + 1;
        if deeper > self.depth_max {
            return Err(Error::limit(
                "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive",
            ));
        }
        depth.set(deeper);
        self.step(1)
    }

    #[inline]
    fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }

    /// A random number.
    pub(crate) fn random_u64(&self) -> u64 {
        self.host.borrow_mut().random_u64()
    }

    /// A new array.
    pub(crate) fn list(&self) -> Result<List<'i>, Error> {
        List::new(self.meter)
    }

    /// A new sequence.
    pub(crate) fn sequence(&self) -> Result<List<'i>, Error> {
        List::sequence(self.meter)
    }

    /// An item made of a JSON value that was made during the evaluation.
    pub(crate) fn import(&self, value: &Value) -> Result<Item<'i>, Error> {
        crate::item::import(value, self.meter)
    }

    /// A new string.
    pub(crate) fn text(&self, text: &str) -> Result<Item<'i>, Error> {
        Text::make(text, self.meter)
    }

    /// What the function types need to be counted.
    pub(crate) fn holder(&self, values: usize) -> Result<Holder<'i>, Error> {
        Holder::new(values, self.meter, &self.dropper)
    }

    /// The value of a part.
    pub(crate) fn eval(&self, code: &'i Code, input: &Item<'i>, env: &Env<'i>) -> Result<Item<'i>, Error> {
        if code.is_bare() {
            // The parts that programs are mostly made of need no more than this.
            match &code.kind {
                CodeKind::Number(number) => return self.leaf(Item::Number(*number)),
                CodeKind::String(text) => return self.leaf(Item::InputString(text)),
                CodeKind::Variable(variable) => {
                    let value = self.leaf(self.variable(*variable, input, env))?;
                    return if matches!(value, Item::List(_)) {
                        self.collapse(value, false)
                    } else {
                        Ok(value)
                    };
                }
                CodeKind::Path(path) if path.plain_names == path.steps.len() && !path.keep_singleton => {
                    if let Some(value) = self.plain_path(path, input)? {
                        return Ok(value);
                    }
                }
                _ => {}
            }
        }
        self.enter()?;
        let result = self.eval_kind(code, input, env);
        self.leave();
        self.finish(code, result?, env)
    }

    /// A value that took one step, one level down.
    fn leaf(&self, value: Item<'i>) -> Result<Item<'i>, Error> {
        self.enter()?;
        self.leave();
        Ok(value)
    }

    /// What follows on a part: predicates, a grouping, and what becomes of a sequence.
    fn finish(&self, code: &'i Code, mut result: Item<'i>, env: &Env<'i>) -> Result<Item<'i>, Error> {
        if let Some(extras) = code.extras.as_deref() {
            for (at, predicate) in extras.predicates.iter().enumerate() {
                // Evaluated on what is undefined, too, but not where another predicate left nothing.
                if at > 0 && result.is_undefined() {
                    break;
                }
                result = self.filter(predicate, result, env)?;
            }
            // What a predicate leaves is a sequence, even of one value.
            if code.keep_array && !extras.predicates.is_empty() && !result.is_array() {
                result = self.keep_singleton(result)?;
            }
            if let (Some(group), false) = (&extras.group, matches!(code.kind, CodeKind::Path(_))) {
                result = self.group(group, &result, env)?;
            }
        }
        // So is what a path gives.
        if code.keep_array
            && matches!(code.kind, CodeKind::Path(_))
            && code.group().is_none()
            && !result.is_array()
        {
            result = self.keep_singleton(result)?;
        }
        if matches!(result, Item::List(_)) { self.collapse(result, code.keep_array) } else { Ok(result) }
    }

    /// A sequence of one value is that value, unless it is to stay an array; an empty one is undefined.
    pub(crate) fn collapse(&self, item: Item<'i>, keep: bool) -> Result<Item<'i>, Error> {
        let Item::List(list) = &item else { return Ok(item) };
        if !list.flags().sequence {
            return Ok(item);
        }
        match &***list {
            [] => Ok(Item::Undefined),
            [only] if !keep && !list.flags().keep_singleton => Ok(only.clone()),
            _ if keep && !list.flags().keep_singleton => {
                let mut copy = list.copy()?;
                copy.flags_mut().keep_singleton = true;
                Ok(copy.into_item())
            }
            _ => Ok(item),
        }
    }

    fn eval_kind(&self, code: &'i Code, input: &Item<'i>, env: &Env<'i>) -> Result<Item<'i>, Error> {
        Ok(match &code.kind {
            CodeKind::Number(number) => Item::Number(*number),
            CodeKind::String(text) => Item::InputString(text),
            CodeKind::Bool(value) => Item::Bool(*value),
            CodeKind::Null => Item::Null,
            CodeKind::Placeholder => Item::Undefined,
            CodeKind::Regex(pattern) => Item::Function(Rc::new(Function::Regex(pattern))),
            CodeKind::Name(name) => self.member(input, name)?,
            CodeKind::Variable(variable) => self.variable(*variable, input, env),
            CodeKind::Wildcard => self.wildcard(input)?,
            CodeKind::Descendants => self.descendants(input)?,
            CodeKind::Parent(slot) => match self.program.labels.get(slot.0 as usize) {
                Some(label) => self.local(*label, env).unwrap_or(Item::Undefined),
                None => Item::Undefined,
            },
            CodeKind::Path(path) => self.path(path, code, input, env)?,
            CodeKind::Negate(inner) => self.negate(self.eval(inner, input, env)?, code)?,
            CodeKind::Array(items) => self.array(items, code, input, env)?,
            CodeKind::Object { pairs, names } => self.object_or_group(pairs, names.as_deref(), input, env)?,
            CodeKind::Block { expressions, binds } => {
                let env = &self.block_env(*binds, env)?;
                let mut result = Item::Undefined;
                for expression in expressions {
                    result = self.eval(expression, input, env)?;
                }
                result
            }
            CodeKind::Binary(operator, left, right) => {
                self.binary(*operator, left, right, code, input, env)?
            }
            CodeKind::Bind(symbol, value) => {
                let value = self.eval(value, input, env)?;
                self.bind(*symbol, value.clone(), env)?;
                value
            }
            CodeKind::Condition(condition, then, otherwise) => {
                if self.truth(&self.eval(condition, input, env)?)? {
                    self.eval(then, input, env)?
                } else {
                    match otherwise {
                        Some(otherwise) => self.eval(otherwise, input, env)?,
                        None => Item::Undefined,
                    }
                }
            }
            CodeKind::Apply(left, right) => self.apply_operator(left, right, code, input, env)?,
            CodeKind::Call(call) if call.is_partial => self.partial(call, code, input, env)?,
            CodeKind::Call(call) => self.call(call, code, input, env, None)?,
            CodeKind::Lambda(lambda) => {
                self.note_closure(env);
                let lambda =
                    Lambda { code: lambda, env: env.clone(), input: input.clone(), holder: self.holder(1)? };
                Item::Function(Rc::new(Function::Lambda(lambda)))
            }
            CodeKind::Transform { pattern, update, delete } => {
                self.note_closure(env);
                Item::Function(Rc::new(Function::Transform(Transform {
                    pattern,
                    update,
                    delete: delete.as_deref(),
                    env: env.clone(),
                    holder: self.holder(0)?,
                })))
            }
            // A sort is a step of a path, which handles it.
            CodeKind::Sort(terms) => self.sort(terms, input, env)?,
        })
    }

    /// The frame for the expressions of a block.
    fn block_env(&self, binds: bool, env: &Env<'i>) -> Result<Env<'i>, Error> {
        Ok(if binds { self.frame(env.clone(), Vec::new())? } else { env.clone() })
    }

    /// A frame inside another.
    pub(crate) fn frame(&self, parent: Env<'i>, bindings: Vec<(Symbol, Item<'i>)>) -> Result<Env<'i>, Error> {
        Ok(Some(Rc::new(Frame::new(parent, bindings, self.meter)?)))
    }

    fn bind(&self, symbol: Symbol, value: Item<'i>, env: &Env<'i>) -> Result<(), Error> {
        match env {
            Some(frame) => frame.bind(symbol, value),
            // Outside all blocks nothing can read it.
            None => Ok(()),
        }
    }

    fn variable(&self, variable: Variable, input: &Item<'i>, env: &Env<'i>) -> Item<'i> {
        match variable {
            Variable::Context => unwrapped(input),
            Variable::Root => self.root.clone(),
            Variable::Global(symbol) => self.global(symbol),
            Variable::Local(symbol) => self.local(symbol, env).unwrap_or_else(|| self.global(symbol)),
        }
    }

    fn global(&self, symbol: Symbol) -> Item<'i> {
        self.globals.get(symbol.0 as usize).cloned().unwrap_or(Item::Undefined)
    }

    fn local(&self, symbol: Symbol, env: &Env<'i>) -> Option<Item<'i>> {
        let mut frame = env.as_deref();
        while let Some(current) = frame {
            if let Some(value) = current.own(symbol) {
                return Some(value);
            }
            frame = current.parent.as_deref();
        }
        None
    }

    /// Remembers a frame that a function closes over.
    fn note_closure(&self, env: &Env<'i>) {
        let Some(frame) = env else { return };
        if frame.is_closed_over.replace(true) {
            return;
        }
        let mut frames = self.closed_over.borrow_mut();
        if frames.len() == frames.capacity() {
            frames.retain(|frame| frame.strong_count() > 0);
        }
        frames.push(Rc::downgrade(frame));
    }

    /// Lets go of variables whose functions hold their own frames.
    fn break_circles(&self) {
        let frames = self.closed_over.take();
        for frame in frames.iter().filter_map(Weak::upgrade) {
            let mut current = Some(frame);
            while let Some(frame) = current {
                frame.clear();
                current = frame.parent.clone();
            }
        }
    }
}

/// The input itself, where it was wrapped because it is an array.
fn unwrapped<'i>(item: &Item<'i>) -> Item<'i> {
    match item {
        Item::List(list) if list.flags().outer_wrapper => list.first().cloned().unwrap_or(Item::Undefined),
        other => other.clone(),
    }
}
