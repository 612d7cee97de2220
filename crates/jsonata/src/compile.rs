//! From the syntax tree to the program

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ancestry::Slots;
use crate::ast::{Kind, Node};
use crate::functions::{self, signature::Signature};
use crate::pattern::Pattern;
use crate::program::{
    Call, Code, CodeKind, LambdaCode, MemberName, Path, Program, Slot, SortTerm, Stage, Symbol, Variable,
};
use crate::{Dialect, Error};

/// Compiles a syntax tree. `bound` are the names of the variables that the expression binds itself.
///
/// # Errors
/// What has no meaning although its syntax is right, for example a `%` without a parent.
pub(crate) fn compile(node: &Node, dialect: Dialect, bound: &HashSet<Arc<str>>) -> Result<Program, Error> {
    let mut compiler = Compiler {
        bound,
        symbols: HashMap::new(),
        names: Vec::new(),
        read: Vec::new(),
        is_read: HashSet::new(),
        slots: Slots::default(),
        lookups: 0,
    };
    let mut root = compiler.node(node)?;
    if !root.seeking().is_empty() || matches!(root.kind, CodeKind::Parent(_)) {
        return Err(Error::new("S0217").at(root.position));
    }
    settle(&mut root);
    let labels = compiler.slots.labels().into_iter().map(|slot| compiler.label(slot)).collect();
    let builtins: Vec<_> = compiler.names.iter().map(|name| functions::find(name, dialect)).collect();
    let is_asked = |symbol: &Symbol| builtins.get(symbol.0 as usize).is_some_and(Option::is_none);
    let asked = compiler.read.into_iter().filter(is_asked).collect();
    let binds = binds_here(node);
    Ok(Program { root, binds, labels, asked, names: compiler.names, builtins, lookups: compiler.lookups })
}

struct Compiler<'n> {
    bound: &'n HashSet<Arc<str>>,
    symbols: HashMap<Arc<str>, Symbol>,
    names: Vec<Arc<str>>,
    /// Variables that are read, each once.
    read: Vec<Symbol>,
    is_read: HashSet<Arc<str>>,
    slots: Slots,
    lookups: u32,
}

impl Compiler<'_> {
    fn symbol(&mut self, name: &Arc<str>) -> Symbol {
        if let Some(symbol) = self.symbols.get(name) {
            return *symbol;
        }
        let symbol = Symbol(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.clone());
        self.symbols.insert(name.clone(), symbol);
        symbol
    }

    /// The symbol under which the evaluator carries what a slot refers to. No variable can have such a name.
    fn label(&mut self, slot: Slot) -> Symbol {
        self.symbol(&format!("% {}", slot.0).into())
    }

    fn node(&mut self, node: &Node) -> Result<Code, Error> {
        self.node_keeping(node, false)
    }

    fn boxed(&mut self, node: &Node) -> Result<Box<Code>, Error> {
        self.node(node).map(Box::new)
    }

    /// `keep`: there is a `[]` behind it, perhaps with predicates in between.
    fn node_keeping(&mut self, node: &Node, keep: bool) -> Result<Code, Error> {
        let position = node.position;
        let mut code = match &node.kind {
            Kind::KeepArray(inner) => return self.node_keeping(inner, true),
            Kind::Filter(inner, predicate) => return self.filter(inner, predicate, keep),
            Kind::Path(left, right) => self.path(left, right, position)?,
            Kind::Group(inner, pairs) => self.group(inner, pairs, position)?,
            Kind::Sort(inner, terms) => self.sort(inner, terms, position)?,
            Kind::Focus(inner, name) => self.focus(inner, name, keep, position)?,
            Kind::Index(inner, name) => self.index(inner, name)?,
            Kind::Apply(left, right) => {
                let (left, right) = (self.boxed(left)?, self.boxed(right)?);
                let keep_array = left.keep_array || right.keep_array;
                let mut code = Code::new(CodeKind::Apply(left, right), position);
                code.keep_array = keep_array;
                code
            }
            Kind::Name(name) => {
                let mut step = Code::new(CodeKind::Name(self.member(name)), position);
                step.keep_array = keep;
                path_of(step)
            }
            Kind::Parent => Code::new(CodeKind::Parent(self.slots.add()), position),
            Kind::Number(number) => Code::new(CodeKind::Number(*number), position),
            Kind::String(text) => Code::new(CodeKind::String(text.clone()), position),
            Kind::Bool(value) => Code::new(CodeKind::Bool(*value), position),
            Kind::Null => Code::new(CodeKind::Null, position),
            Kind::Wildcard => Code::new(CodeKind::Wildcard, position),
            Kind::Descendants => Code::new(CodeKind::Descendants, position),
            Kind::Placeholder => Code::new(CodeKind::Placeholder, position),
            Kind::Variable(name) => Code::new(CodeKind::Variable(self.variable(name)), position),
            Kind::Regex { source, ignore_case, multiline } => {
                let pattern = Pattern::new(source, *ignore_case, *multiline);
                Code::new(CodeKind::Regex(pattern.map_err(|error| error.at(position))?), position)
            }
            Kind::Negate(inner) => match self.node(inner)? {
                Code { kind: CodeKind::Number(number), extras: None, .. } => {
                    Code::new(CodeKind::Number(-number), position)
                }
                inner => {
                    let mut code = Code::new(CodeKind::Null, position);
                    self.slots.pass_on(&inner, &mut code);
                    code.kind = CodeKind::Negate(Box::new(inner));
                    code
                }
            },
            Kind::Array(items) => self.with_parts(items, position, |_, items| CodeKind::Array(items))?,
            Kind::Object(pairs) => {
                let pairs = self.pairs(pairs)?;
                let mut code = Code::new(CodeKind::Null, position);
                for (key, value) in &pairs {
                    self.slots.pass_on(key, &mut code);
                    self.slots.pass_on(value, &mut code);
                }
                let names = distinct_names(&pairs);
                code.kind = CodeKind::Object { pairs, names };
                code
            }
            Kind::Block(items) => {
                let binds = items.iter().any(binds_here);
                let mut code = self
                    .with_parts(items, position, |_, expressions| CodeKind::Block { expressions, binds })?;
                if let CodeKind::Block { expressions, .. } = &code.kind {
                    code.constructs_array = expressions.iter().any(constructs_array);
                }
                code
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.boxed(left)?, self.boxed(right)?);
                let mut code = Code::new(CodeKind::Null, position);
                self.slots.pass_on(&left, &mut code);
                self.slots.pass_on(&right, &mut code);
                code.kind = CodeKind::Binary(*operator, left, right);
                code
            }
            Kind::Bind(name, value) => {
                let value = self.boxed(value)?;
                let mut code = Code::new(CodeKind::Null, position);
                self.slots.pass_on(&value, &mut code);
                code.kind = CodeKind::Bind(self.symbol(name), value);
                code
            }
            Kind::Condition(condition, then, otherwise) => {
                let (condition, then) = (self.boxed(condition)?, self.boxed(then)?);
                let otherwise = otherwise.as_ref().map(|node| self.boxed(node)).transpose()?;
                let mut code = Code::new(CodeKind::Null, position);
                for part in [Some(&condition), Some(&then), otherwise.as_ref()].into_iter().flatten() {
                    self.slots.pass_on(part, &mut code);
                }
                code.kind = CodeKind::Condition(condition, then, otherwise);
                code
            }
            Kind::Call(procedure, arguments) => {
                let name = match &procedure.kind {
                    Kind::Variable(name) | Kind::Name(name) => name.clone(),
                    _ => "".into(),
                };
                let is_partial = arguments.iter().any(|argument| argument.kind == Kind::Placeholder);
                let procedure = self.boxed(procedure)?;
                self.with_parts(arguments, position, |_, arguments| {
                    CodeKind::Call(Call { procedure, arguments, name, is_partial })
                })?
            }
            Kind::Lambda { parameters, signature, body } => {
                let parameters = parameters.iter().map(|name| self.symbol(name)).collect();
                let signature = signature.as_deref().map(Signature::parse).transpose()?;
                let body = self.boxed(body)?;
                Code::new(CodeKind::Lambda(LambdaCode { parameters, signature, body }), position)
            }
            Kind::Transform { pattern, update, delete } => {
                let (pattern, update) = (self.boxed(pattern)?, self.boxed(update)?);
                let delete = delete.as_ref().map(|node| self.boxed(node)).transpose()?;
                Code::new(CodeKind::Transform { pattern, update, delete }, position)
            }
        };
        if keep {
            code.keep_array = true;
            if let (CodeKind::Path(path), Kind::Name(_)) = (&mut code.kind, &node.kind) {
                path.keep_singleton = true;
            }
        }
        Ok(code)
    }

    fn with_parts(
        &mut self,
        nodes: &[Node],
        position: usize,
        make: impl FnOnce(&mut Self, Vec<Code>) -> CodeKind,
    ) -> Result<Code, Error> {
        let parts = nodes.iter().map(|node| self.node(node)).collect::<Result<Vec<_>, _>>()?;
        let mut code = Code::new(CodeKind::Null, position);
        for part in &parts {
            self.slots.pass_on(part, &mut code);
        }
        code.kind = make(self, parts);
        Ok(code)
    }

    fn pairs(&mut self, pairs: &[(Node, Node)]) -> Result<Vec<(Code, Code)>, Error> {
        pairs.iter().map(|(key, value)| Ok((self.node(key)?, self.node(value)?))).collect()
    }

    fn member(&mut self, name: &Arc<str>) -> MemberName {
        self.lookups += 1;
        MemberName { text: name.clone(), lookup: self.lookups - 1 }
    }

    fn variable(&mut self, name: &Arc<str>) -> Variable {
        match &**name {
            "" => Variable::Context,
            "$" => Variable::Root,
            _ => {
                let symbol = self.symbol(name);
                if self.is_read.insert(name.clone()) {
                    self.read.push(symbol);
                }
                if self.bound.contains(name) { Variable::Local(symbol) } else { Variable::Global(symbol) }
            }
        }
    }

    /// `x.y`
    fn path(&mut self, left: &Node, right: &Node, position: usize) -> Result<Code, Error> {
        let left = self.node(left)?;
        let mut result = match left.kind {
            CodeKind::Path(_) => left,
            _ => {
                let mut path = Code::new(CodeKind::Null, position);
                if let CodeKind::Parent(slot) = left.kind {
                    path.extras_mut().seeking.push(slot);
                }
                path.kind = CodeKind::Path(Path { steps: vec![left], ..Path::default() });
                path
            }
        };
        let mut right = self.node(right)?;
        let CodeKind::Path(path) = &mut result.kind else { return Ok(result) };
        match right.kind {
            CodeKind::Path(rest) => path.steps.extend(rest.steps),
            _ => {
                predicates_to_stages(&mut right);
                path.steps.push(right);
            }
        }
        for step in &mut path.steps {
            match &step.kind {
                CodeKind::Number(number) => {
                    let value = crate::text::number::number_text(*number);
                    return Err(Error::new("S0213").value(value).at(step.position));
                }
                CodeKind::Bool(value) => {
                    return Err(Error::new("S0213").value(value.to_string()).at(step.position));
                }
                CodeKind::Null => return Err(Error::new("S0213").value("null".into()).at(step.position)),
                // A string as a step is a name.
                CodeKind::String(text) => {
                    let name = text.clone();
                    step.kind = CodeKind::Name(self.member(&name));
                }
                _ => {}
            }
        }
        path.keep_singleton |= path.steps.iter().any(|step| step.keep_array);
        for at in [0, path.steps.len() - 1] {
            if let Some(step) = path.steps.get_mut(at)
                && step.is_array()
            {
                step.constructs_array = true;
            }
        }
        let unresolved = self.slots.resolve(&mut path.steps)?;
        if !unresolved.is_empty() {
            result.extras_mut().seeking.extend(unresolved);
        }
        Ok(result)
    }

    /// `x[y]`
    fn filter(&mut self, inner: &Node, predicate: &Node, keep: bool) -> Result<Code, Error> {
        let mut result = self.node_keeping(inner, keep)?;
        let position = result.position;
        if result.group().is_some() {
            return Err(Error::new("S0209").at(position));
        }
        let predicate = self.node(predicate)?;
        match &mut result.kind {
            CodeKind::Path(path) => {
                let Some(step) = path.steps.last_mut() else { return Ok(result) };
                if step.group().is_some() {
                    return Err(Error::new("S0209").at(position));
                }
                self.slots.seek_from_predicate(&predicate, step)?;
                step.extras_mut().stages.push(Stage::Filter(predicate));
            }
            _ => {
                self.slots.seek_from_predicate(&predicate, &mut result)?;
                result.extras_mut().predicates.push(predicate);
            }
        }
        Ok(result)
    }

    /// `x{k: v}`
    fn group(&mut self, inner: &Node, pairs: &[(Node, Node)], position: usize) -> Result<Code, Error> {
        let mut result = self.node(inner)?;
        if result.group().is_some() {
            return Err(Error::new("S0210").at(position));
        }
        let pairs = self.pairs(pairs)?;
        result.extras_mut().group = Some(pairs);
        Ok(result)
    }

    /// `x^(y)`
    fn sort(&mut self, inner: &Node, terms: &[crate::ast::SortTerm], position: usize) -> Result<Code, Error> {
        let mut result = into_path(self.node(inner)?);
        let mut step = Code::new(CodeKind::Null, position);
        let mut compiled = Vec::with_capacity(terms.len());
        for term in terms {
            let expression = self.node(&term.expression)?;
            self.slots.pass_on(&expression, &mut step);
            compiled.push(SortTerm { descending: term.descending, expression });
        }
        step.kind = CodeKind::Sort(compiled);
        let CodeKind::Path(path) = &mut result.kind else { return Ok(result) };
        path.steps.push(step);
        let unresolved = self.slots.resolve(&mut path.steps)?;
        if !unresolved.is_empty() {
            result.extras_mut().seeking.extend(unresolved);
        }
        Ok(result)
    }

    /// `x@$name`
    fn focus(&mut self, inner: &Node, name: &Arc<str>, keep: bool, position: usize) -> Result<Code, Error> {
        let mut result = self.node(inner)?;
        let symbol = self.symbol(name);
        let step = last_step(&mut result);
        let extras = step.extras_mut();
        if !extras.stages.is_empty() || !extras.predicates.is_empty() {
            return Err(Error::new("S0215").at(position));
        }
        extras.focus = Some(symbol);
        if matches!(step.kind, CodeKind::Sort(_)) {
            return Err(Error::new("S0216").at(position));
        }
        step.keep_array |= keep;
        step.tuple = true;
        Ok(result)
    }

    /// `x#$name`
    fn index(&mut self, inner: &Node, name: &Arc<str>) -> Result<Code, Error> {
        let result = self.node(inner)?;
        let symbol = self.symbol(name);
        let mut result = match result.kind {
            CodeKind::Path(_) => result,
            _ => {
                let mut step = result;
                predicates_to_stages(&mut step);
                path_of(step)
            }
        };
        let step = last_step(&mut result);
        step.tuple = true;
        let extras = step.extras_mut();
        if extras.stages.is_empty() {
            extras.index = Some(symbol);
        } else {
            extras.stages.push(Stage::Index(symbol));
        }
        Ok(result)
    }
}

/// The keys of an object when they are strings that differ.
fn distinct_names(pairs: &[(Code, Code)]) -> Option<Vec<Arc<str>>> {
    let mut seen = HashSet::new();
    let name = |key: &Code| match &key.kind {
        CodeKind::String(text) if key.is_bare() => Some(text.clone()),
        _ => None,
    };
    pairs.iter().map(|(key, _)| name(key).filter(|name| seen.insert(name.clone()))).collect()
}

/// Notes in paths what the evaluator would else have to find out each time. Steps are marked as long as the program is
/// being put together, so this comes last.
fn settle(code: &mut Code) {
    if let Some(extras) = &mut code.extras {
        extras.predicates.iter_mut().for_each(settle);
        for stage in &mut extras.stages {
            if let Stage::Filter(predicate) = stage {
                settle(predicate);
            }
        }
        for (key, value) in extras.group.iter_mut().flatten() {
            settle(key);
            settle(value);
        }
    }
    match &mut code.kind {
        CodeKind::Path(path) => {
            path.steps.iter_mut().for_each(settle);
            path.has_tuples = path.steps.iter().any(|step| step.tuple);
            let is_variable = |step: &Code| matches!(step.kind, CodeKind::Variable(_)) && step.is_bare();
            path.is_absolute = matches!(path.steps.first(), Some(Code { kind: CodeKind::Variable(_), .. }));
            let is_name = |step: &&Code| matches!(step.kind, CodeKind::Name(_)) && step.is_bare();
            let before = usize::from(path.steps.first().is_some_and(is_variable));
            path.plain_names = path.steps.iter().skip(before).take_while(is_name).count();
        }
        CodeKind::Negate(inner) | CodeKind::Bind(_, inner) => settle(inner),
        CodeKind::Lambda(lambda) => settle(&mut lambda.body),
        CodeKind::Array(items) | CodeKind::Block { expressions: items, .. } => {
            items.iter_mut().for_each(settle);
        }
        CodeKind::Object { pairs, .. } => pairs.iter_mut().for_each(|(key, value)| {
            settle(key);
            settle(value);
        }),
        CodeKind::Binary(_, left, right) | CodeKind::Apply(left, right) => {
            settle(left);
            settle(right);
        }
        CodeKind::Condition(condition, then, otherwise) => {
            settle(condition);
            settle(then);
            otherwise.iter_mut().for_each(|code| settle(code));
        }
        CodeKind::Call(call) => {
            settle(&mut call.procedure);
            call.arguments.iter_mut().for_each(settle);
        }
        CodeKind::Transform { pattern, update, delete } => {
            settle(pattern);
            settle(update);
            delete.iter_mut().for_each(|code| settle(code));
        }
        CodeKind::Sort(terms) => terms.iter_mut().for_each(|term| settle(&mut term.expression)),
        CodeKind::Number(_)
        | CodeKind::String(_)
        | CodeKind::Bool(_)
        | CodeKind::Null
        | CodeKind::Regex(_)
        | CodeKind::Name(_)
        | CodeKind::Variable(_)
        | CodeKind::Wildcard
        | CodeKind::Descendants
        | CodeKind::Parent(_)
        | CodeKind::Placeholder => {}
    }
}

fn path_of(step: Code) -> Code {
    let position = step.position;
    Code::new(CodeKind::Path(Path { steps: vec![step], ..Path::default() }), position)
}

fn into_path(code: Code) -> Code {
    match code.kind {
        CodeKind::Path(_) => code,
        _ => path_of(code),
    }
}

/// The last step of a path, or the part itself.
fn last_step(code: &mut Code) -> &mut Code {
    let is_path = matches!(&code.kind, CodeKind::Path(path) if !path.steps.is_empty());
    if !is_path {
        return code;
    }
    match &mut code.kind {
        CodeKind::Path(Path { steps, .. }) => match steps.last_mut() {
            Some(step) => step,
            None => unreachable!("a path has a step"),
        },
        _ => unreachable!("it is a path"),
    }
}

/// What was a predicate of a value becomes one of a step.
fn predicates_to_stages(code: &mut Code) {
    if let Some(extras) = &mut code.extras {
        let predicates = std::mem::take(&mut extras.predicates);
        extras.stages.splice(0..0, predicates.into_iter().map(Stage::Filter));
    }
}

fn constructs_array(code: &Code) -> bool {
    code.constructs_array
        || matches!(&code.kind, CodeKind::Path(path) if path.steps.first().is_some_and(|step| step.constructs_array))
}

/// Whether evaluating a part binds a variable in the frame around it. Blocks and functions have frames of their own.
fn binds_here(node: &Node) -> bool {
    let pairs =
        |pairs: &[(Node, Node)]| pairs.iter().any(|(key, value)| binds_here(key) || binds_here(value));
    match &node.kind {
        Kind::Bind(..) => true,
        Kind::Block(_) | Kind::Lambda { .. } => false,
        Kind::Negate(inner) | Kind::KeepArray(inner) | Kind::Focus(inner, _) | Kind::Index(inner, _) => {
            binds_here(inner)
        }
        Kind::Array(items) => items.iter().any(binds_here),
        Kind::Object(members) => pairs(members),
        Kind::Path(left, right)
        | Kind::Filter(left, right)
        | Kind::Binary(_, left, right)
        | Kind::Apply(left, right) => binds_here(left) || binds_here(right),
        Kind::Group(inner, members) => binds_here(inner) || pairs(members),
        Kind::Sort(inner, terms) => {
            binds_here(inner) || terms.iter().any(|term| binds_here(&term.expression))
        }
        Kind::Condition(condition, then, otherwise) => {
            binds_here(condition) || binds_here(then) || otherwise.as_deref().is_some_and(binds_here)
        }
        Kind::Call(procedure, arguments) => binds_here(procedure) || arguments.iter().any(binds_here),
        // A transformation binds when it is applied, perhaps elsewhere.
        Kind::Transform { .. } => true,
        _ => false,
    }
}
