//! Calling functions: calls, partial application, `~>`, and tail calls

use std::rc::Rc;
use std::sync::Arc;

use smallvec::smallvec;

use crate::Error;
use crate::item::{Arguments, Chain, Env, Frame, Function, Item, Lambda, Partial};
use crate::program::{Call, Code, CodeKind};

use super::Evaluator;

/// What applying a function gives: its value, or what is to be applied in its place
enum Tail<'i> {
    Value(Item<'i>),
    /// A function with its arguments
    Apply(Item<'i>, Arguments<'i>),
    /// A call at the end of a function's body, which is evaluated once the body has been left
    Call {
        call: &'i Call,
        code: &'i Code,
        input: Item<'i>,
        env: Env<'i>,
    },
}

impl<'i> Evaluator<'i> {
    /// A call. `first` is an argument in front of the others: the left side of `~>`.
    pub(super) fn call(
        &self,
        call: &'i Call,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
        first: Option<Item<'i>>,
    ) -> Result<Item<'i>, Error> {
        let (function, arguments) = self.called(call, code, input, env, first)?;
        self.apply(function, arguments, input)
            .map_err(|error| name_function(error, &call.name).at(code.position))
    }

    /// The function of a call and its arguments.
    fn called(
        &self,
        call: &'i Call,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
        first: Option<Item<'i>>,
    ) -> Result<(Item<'i>, Arguments<'i>), Error> {
        let function = self.procedure(call, code, input, env)?;
        let mut arguments = Arguments::new();
        arguments.extend(first);
        for argument in &call.arguments {
            arguments.push(self.eval(argument, input, env)?);
        }
        Ok((function, arguments))
    }

    /// What a call calls.
    fn procedure(
        &self,
        call: &'i Call,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        let function = self.eval(&call.procedure, input, env)?;
        if function.is_undefined()
            && matches!(call.procedure.kind, CodeKind::Path(_))
            && crate::functions::find(&call.name, self.dialect).is_some()
        {
            let code_name = if call.is_partial { "T1007" } else { "T1005" };
            return Err(Error::new(code_name).token(&call.name).at(code.position));
        }
        Ok(function)
    }

    /// Applies a function to arguments. `context` is what fills a parameter that takes the context.
    pub(crate) fn apply(
        &self,
        mut function: Item<'i>,
        mut arguments: Arguments<'i>,
        context: &Item<'i>,
    ) -> Result<Item<'i>, Error> {
        // The call at the end of a function takes the function's place, so that it takes no stack.
        let mut site: Option<(&'i Call, usize)> = None;
        let locate = |error: Error, site: Option<(&'i Call, usize)>| match site {
            Some((call, position)) => name_function(error, &call.name).at(position),
            None => error,
        };
        loop {
            match self.apply_once(&function, arguments, context).map_err(|error| locate(error, site))? {
                Tail::Value(value) => return Ok(value),
                Tail::Apply(next, given) => (function, arguments) = (next, given),
                Tail::Call { call, code, input, env } => {
                    site = Some((call, code.position));
                    (function, arguments) = self.called(call, code, &input, &env, None)?;
                }
            }
            self.step(1)?;
        }
    }

    fn apply_once(
        &self,
        function: &Item<'i>,
        mut arguments: Arguments<'i>,
        context: &Item<'i>,
    ) -> Result<Tail<'i>, Error> {
        let function = match function {
            Item::Builtin(builtin) => {
                builtin.signature().apply(&mut arguments, context, self)?;
                self.enter_builtin()?;
                let result = (builtin.run)(self, &arguments);
                self.leave_builtin();
                return result.map(Tail::Value);
            }
            Item::Function(function) => function,
            _ => return Err(Error::new("T1006")),
        };
        let value = match &**function {
            Function::Lambda(lambda) => return self.apply_lambda(lambda, arguments, context),
            Function::Partial(partial) => {
                let (function, arguments) = partial.fill(arguments);
                return Ok(Tail::Apply(function, arguments));
            }
            Function::Chain(chain) => {
                self.enter()?;
                let first = arguments.into_iter().next().unwrap_or(Item::Undefined);
                let between = self.apply(chain.first.clone(), smallvec![first], context);
                self.leave();
                return Ok(Tail::Apply(chain.second.clone(), smallvec![between?]));
            }
            Function::Regex(pattern) => {
                let text = arguments.first().and_then(Item::as_str).map(Arc::from);
                self.match_record(pattern, text, 0)?
            }
            Function::NextMatch(next) => {
                self.match_record(next.pattern, Some(next.text.clone()), next.from)?
            }
            Function::Transform(transform) => {
                self.enter()?;
                let subject = arguments.into_iter().next().unwrap_or(Item::Undefined);
                let result = self.transform(transform, &subject);
                self.leave();
                result?
            }
        };
        Ok(Tail::Value(value))
    }

    fn apply_lambda(
        &self,
        lambda: &Lambda<'i>,
        mut arguments: Arguments<'i>,
        context: &Item<'i>,
    ) -> Result<Tail<'i>, Error> {
        let code = lambda.code;
        if let Some(signature) = &code.signature {
            signature.apply(&mut arguments, context, self)?;
        }
        let frame = Frame::of_call(lambda.env.clone(), &code.parameters, arguments, self.meter)?;
        let env = Some(Rc::new(frame));
        self.tail(&code.body, &lambda.input, &env)
    }

    /// The body of a function, up to a call at its end.
    fn tail(&self, code: &'i Code, input: &Item<'i>, env: &Env<'i>) -> Result<Tail<'i>, Error> {
        let has_tail = code.is_bare()
            && match &code.kind {
                CodeKind::Call(call) => !call.is_partial,
                CodeKind::Condition(..) | CodeKind::Block { .. } => true,
                _ => false,
            };
        if !has_tail {
            return self.eval(code, input, env).map(Tail::Value);
        }
        self.enter()?;
        let result = self.tail_kind(code, input, env);
        self.leave();
        result
    }

    fn tail_kind(&self, code: &'i Code, input: &Item<'i>, env: &Env<'i>) -> Result<Tail<'i>, Error> {
        match &code.kind {
            CodeKind::Call(call) => Ok(Tail::Call { call, code, input: input.clone(), env: env.clone() }),
            CodeKind::Condition(condition, then, otherwise) => {
                if self.truth(&self.eval(condition, input, env)?)? {
                    return self.tail(then, input, env);
                }
                match otherwise {
                    Some(otherwise) => self.tail(otherwise, input, env),
                    None => Ok(Tail::Value(Item::Undefined)),
                }
            }
            CodeKind::Block { expressions, binds } => {
                let Some((last, before)) = expressions.split_last() else {
                    return Ok(Tail::Value(Item::Undefined));
                };
                let env = &self.block_env(*binds, env)?;
                for expression in before {
                    self.eval(expression, input, env)?;
                }
                self.tail(last, input, env)
            }
            _ => self.eval_kind(code, input, env).map(Tail::Value),
        }
    }

    /// A value as the only element of an array.
    pub(crate) fn wrapped(&self, item: Item<'i>) -> Result<Item<'i>, Error> {
        let mut list = self.list()?;
        list.push(item)?;
        Ok(list.into_item())
    }

    /// `f(?, y)`
    pub(super) fn partial(
        &self,
        call: &'i Call,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        let mut placeholders = Vec::new();
        for (at, argument) in call.arguments.iter().enumerate() {
            if matches!(argument.kind, CodeKind::Placeholder) {
                placeholders.push(at);
                arguments.push(Item::Undefined);
            } else {
                arguments.push(self.eval(argument, input, env)?);
            }
        }
        let function = self.procedure(call, code, input, env)?;
        if !function.is_function() {
            return Err(Error::new("T1008").token(&call.name).at(code.position));
        }
        let holder = self.holder(arguments.len())?;
        let mut items = arguments;
        items.insert(0, function);
        Ok(Item::Function(Rc::new(Function::Partial(Partial { items, placeholders, holder }))))
    }

    /// `x ~> y`
    pub(super) fn apply_operator(
        &self,
        left: &'i Code,
        right: &'i Code,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        let value = self.eval(left, input, env)?;
        if let CodeKind::Call(call) = &right.kind
            && !call.is_partial
        {
            // The left side becomes the first argument.
            return self.call(call, right, input, env, Some(value));
        }
        let function = self.eval(right, input, env)?;
        if !function.is_function() {
            return Err(Error::new("T2006").value(self.shown(&function)).at(code.position));
        }
        if value.is_function() {
            let holder = self.holder(2)?;
            let chain = Chain { first: value, second: function, holder };
            return Ok(Item::Function(Rc::new(Function::Chain(chain))));
        }
        self.apply(function, smallvec![value], &Item::Null).map_err(|error| error.at(code.position))
    }

    /// How many arguments a function takes: those that call it with what it can use give it no more.
    pub(crate) fn arity(&self, function: &Item<'i>) -> usize {
        if let Item::Builtin(builtin) = function {
            return builtin.arity;
        }
        match function.as_function().map(|function| &**function) {
            Some(Function::Lambda(lambda)) => lambda.code.parameters.len(),
            Some(Function::Partial(partial)) => partial.placeholders.len(),
            Some(Function::Chain(_) | Function::Transform(_)) => 1,
            Some(Function::Regex(_)) => 2,
            Some(Function::NextMatch(_)) | None => 0,
        }
    }
}

/// Puts the name of the function that failed into an error, unless one is there already.
fn name_function(error: Error, name: &str) -> Error {
    if name.is_empty() { error } else { error.token(name) }
}
