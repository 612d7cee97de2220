//! Expressions that try to take more than one evaluation may

/// What an evaluation should end with
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// A value, undefined or any error
    Any,
    Value,
    /// The text of a bound
    Memory,
    Depth,
    Time,
    /// Any of these three, or that the expression is too long
    Bound,
    /// JSONata's code
    Code(&'static str),
}

/// One of them
pub(crate) struct Bomb {
    pub(crate) name: &'static str,
    pub(crate) expression: String,
    pub(crate) end: End,
}

fn bomb(name: &'static str, expression: impl Into<String>, end: End) -> Bomb {
    Bomb { name, expression: expression.into(), end }
}

/// Its input: an array of 50,000 numbers, an object with as many members, 120 levels, and a long string.
pub(crate) fn input() -> String {
    let numbers: Vec<String> = (0..50_000).map(|number| number.to_string()).collect();
    let members: Vec<String> = (0..20_000).map(|number| format!("\"k{number}\":{number}")).collect();
    let rows: Vec<String> =
        (0..2_000).map(|row| format!(r#"{{"id":{row},"g":"{}","t":[1,2,3]}}"#, row % 7)).collect();
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let chain = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    format!(
        r#"{{"numbers":[{}],"members":{{{}}},"rows":[{}],"deep":{deep},"chain":{chain},"text":"{}","spaces":"{}"}}"#,
        numbers.join(","),
        members.join(","),
        rows.join(","),
        "a".repeat(100_000),
        " ".repeat(50_000),
    )
}

/// All of them.
pub(crate) fn bombs() -> Vec<Bomb> {
    use End::{Any, Bound, Code, Depth, Memory, Time, Value};
    let numbers = "[1..100000]";
    let mut bombs = vec![
        // Recursion
        bomb("plain recursion", "($f := function($n){ $f($n + 1) + 1 }; $f(1))", Depth),
        bomb(
            "mutual recursion",
            "($a := function($n){ 1 + $b($n) }; $b := function($n){ 1 + $a($n) }; $a(1))",
            Depth,
        ),
        bomb("endless tail recursion", "($f := function($n){ $f($n + 1) }; $f(1))", Time),
        bomb(
            "endless mutual tail recursion",
            "($a := function($n){ $b($n) }; $b := function($n){ $a($n) }; $a(1))",
            Time,
        ),
        bomb(
            "fixed-point combinator",
            "($y := function($f){ function($x){ $x($x) }(function($g){ $f(function($a){ ($g($g))($a) }) }) }; \
             $y(function($f){ function($n){ $n = 0 ? 0 : 1 + $f($n - 1) } })(100000))",
            Depth,
        ),
        bomb("self-application", "(function($x){ $x($x) })(function($x){ $x($x) })", Bound),
        bomb(
            "two calls a level",
            "($f := function($n){ $n = 0 ? 1 : $f($n - 1) + $f($n - 1) }; $f(40))",
            Bound,
        ),
        bomb(
            "recursion through $map",
            "($f := function($n){ $map([1,2], function($i){ $f($n + 1) }) }; $f(1))",
            Depth,
        ),
        bomb(
            "recursion through a sort",
            "($f := function($n){ $sort([2,1], function($a, $b){ $f($n) }) }; $f(1))",
            Depth,
        ),
        bomb(
            "recursion through a replacement",
            r#"($f := function($m){ $replace("a", /a/, $f) }; $f(1))"#,
            Depth,
        ),
        bomb(
            "Ackermann",
            "($a := function($m, $n){ $m = 0 ? $n + 1 : $n = 0 ? $a($m - 1, 1) : $a($m - 1, $a($m, $n - 1)) }; $a(4, 2))",
            Bound,
        ),
        // Ranges and sequences
        bomb("a range of ten million", "$count([1..10000000])", Memory),
        bomb("a range beyond ten million", "$count([1..10000001])", Code("D2014")),
        bomb("ranges of ranges", format!("{numbers}.[1..1000]"), Memory),
        bomb("sum over nested ranges", "$sum([1..3000].$sum([1..3000]))", Bound),
        bomb("loops that keep nothing", "[1..800000][$sum([1..800]) = 0]", Bound),
        bomb(
            "$append doubling",
            "($f := function($a, $n){ $n = 0 ? $a : $f($append($a, $a), $n - 1) }; $count($f([1], 40)))",
            Memory,
        ),
        bomb("a sequence that grows by one", "$count($reduce([1..100000], $append))", Any),
        bomb(
            "$zip of wide arrays",
            "$zip(numbers, numbers, numbers, numbers, numbers, numbers, numbers, numbers)",
            Any,
        ),
        bomb("$distinct of different values", "$count($distinct([1..100000].{\"a\": $}))", Any),
        bomb("$distinct of many numbers", "$count($distinct([1..800000]))", Any),
        bomb("membership in a loop", "numbers[$ in $$.numbers]", Bound),
        bomb("$shuffle and $reverse", "$count($shuffle($reverse([1..400000])))", Any),
        bomb("$spread of a wide object", "$count($spread(members))", Value),
        bomb(
            "$merge in a loop",
            "$reduce([1..100000], function($o, $i){ $merge([$o, {$string($i): $i}]) }, {})",
            Bound,
        ),
        bomb(
            "$merge of a wide object in a loop",
            "$count([1..100000].$merge([$$.members, {\"a\": 1}]))",
            Bound,
        ),
        bomb("$sift of a wide object in a loop", "[1..1000].$sift($$.members, function($v){ true })", Bound),
        bomb(
            "$each of a wide object in a loop",
            "[1..1000].$count($each($$.members, function($v, $k){ $k }))",
            Bound,
        ),
        bomb("$keys of a wide object in a loop", "[1..100000].$count($keys($$.members))", Bound),
        bomb("$keys of many objects", "[1..1000].$count($keys($$.rows))", Any),
        bomb("$lookup in a wide object in a loop", r#"[1..800000][$lookup($$.members, "nothing")]"#, Any),
        bomb("comparing wide values in a loop", "[1..100000][$$.numbers != $$.numbers]", Bound),
        bomb("comparing wide objects in a loop", "[1..100000][$$.members != $merge([$$.members])]", Bound),
        bomb("$string of a wide value in a loop", "[1..10000].$length($string($$.rows))", Bound),
        bomb("$clone by a transform in a loop", "[1..10000].$count($$ ~> |rows|{\"a\": 1}|)", Bound),
        bomb("$boolean of a wide value in a loop", "[1..100000][$not($$.numbers)]", Any),
        bomb(
            "aggregates in a loop",
            "[1..100000].($sum($$.numbers) + $max($$.numbers) + $average($$.numbers))",
            Bound,
        ),
        bomb("$count of joined paths in a loop", "[1..100000].$count($$.rows.t)", Bound),
        bomb("wildcards in a loop", "[1..100000].$count($$.members.*)", Bound),
        // Strings
        bomb(
            "string doubling",
            r#"($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f("x", 31)))"#,
            Memory,
        ),
        bomb(
            "a string that grows by one",
            r#"$length($reduce([1..100000], function($s, $i){ $s & "x" }, ""))"#,
            Bound,
        ),
        bomb("$pad to a huge width", r#"$length($pad("x", 1e15))"#, Memory),
        bomb("$pad to a huge negative width", r#"$length($pad("x", -1e300, "ab"))"#, Memory),
        bomb("$pad in a loop", r#"[1..100000].$length($pad("x", 1000000))"#, Bound),
        bomb("$join of many", r#"$length($join([1..800000].$string(), "----------"))"#, Bound),
        bomb("$join with a long separator", r#"$length($join($split($$.text, ""), $$.text))"#, Bound),
        bomb("$split to characters in a loop", r#"[1..10000].$count($split($$.text, ""))"#, Bound),
        bomb(
            "$replace that grows",
            r#"$length($replace($replace(text, "a", "bbbbbbbbbb"), "b", "cccccccccccccccccccccccc"))"#,
            Memory,
        ),
        bomb("$replace in a loop", r#"[1..100000].$length($replace($$.text, "b", "c"))"#, Bound),
        bomb("$contains in a loop", r#"[1..800000][$contains($$.text, "b")]"#, Bound),
        bomb(
            "$contains of nearly equal texts",
            r#"($n := $substring(text, 0, 50000) & "b"; [1..10000][$contains($$.text, $n)])"#,
            Bound,
        ),
        bomb("$substring in a loop", "[1..800000].$length($substring($$.text, 50000))", Bound),
        bomb("$length in a loop", "[1..800000].$length($$.text)", Bound),
        bomb("$uppercase in a loop", "[1..100000].$length($uppercase($$.text))", Bound),
        bomb("$trim in a loop", "[1..100000].$length($trim($$.spaces))", Bound),
        bomb("$base64encode in a loop", "[1..100000].$length($base64encode($$.text))", Bound),
        bomb("$base64decode in a loop", "[1..100000].$length($base64decode($$.text))", Bound),
        bomb("$encodeUrl in a loop", "[1..100000].$length($encodeUrlComponent($$.spaces))", Bound),
        bomb("$decodeUrl in a loop", "[1..100000].$length($decodeUrlComponent($$.text))", Bound),
        bomb("comparing long texts in a loop", r#"[1..800000][$$.text & "a" < $$.text]"#, Bound),
        bomb("equal long texts in a loop", "($t := $$.text & \"\"; [1..800000][$t != $$.text])", Bound),
        bomb(
            "$number of a long text in a loop",
            r#"($t := $pad("1", 100000, "0"); [1..100000].($number($t) = 1))"#,
            Any,
        ),
        bomb("long keys", r#"[1..100000]{ $$.text & $string($): 1 }"#, Bound),
        // Patterns
        bomb("nested quantifiers", "$match(text & \"b\", /^(a+)+$/)", Any),
        bomb("alternatives that overlap", "$match(text & \"b\", /^(a|aa|a*)*$/)", Any),
        bomb("a quadratic pattern", "$count($match(text, /a*b/))", Any),
        bomb("many dots", "$contains(text, /.*.*.*.*.*.*.*b/)", Any),
        bomb("back-references", r"$contains(text, /(a*)*\1b/)", Any),
        bomb("look-around", r"$contains(text, /(?=(a+)+$)a*c/)", Any),
        bomb("counted repetition", "$contains(text, /(a{1,1000}){1,1000}b/)", Any),
        bomb(
            "counted repetition of counted repetitions",
            "$contains(text, /((a{1,100}){1,100}){1,100}b/)",
            Any,
        ),
        bomb("$split by a pattern in a loop", "[1..10000].$count($split($$.text, /a/))", Bound),
        bomb("a pattern in a loop", "[1..100000][$contains($$.text, /a*b/)]", Any),
        bomb(
            "$replace by a pattern that matches everywhere",
            r#"$length($replace(text, /a/, "$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0"))"#,
            Any,
        ),
        // Deep values
        bomb("arrays in arrays", "$reduce([1..100000], function($a, $i){ [[$a]] })", Bound),
        bomb("objects in objects", "$reduce([1..100000], function($a, $i){ {\"a\": $a} })", Bound),
        bomb("closures in closures", "$reduce([1..100000], function($f, $i){ function(){ $f } })", Any),
        bomb(
            "closures that call closures",
            "($g := function($f, $n){ $n = 0 ? $f : $g(function($x){ 1 + $f($x) }, $n - 1) }; \
             $g(function($x){ $x }, 100000)(1))",
            Bound,
        ),
        bomb(
            "partial applications of partial applications",
            "($g := function($f, $n){ $n = 0 ? $f : $g(function($a, $b){ $f($a) }(?, 1), $n - 1) }; \
             $g(function($x){ $x }, 100000)(1))",
            Any,
        ),
        bomb(
            "a chain of functions",
            "(($reduce([1..100000].(function($x){ $x + 1 }), function($f, $g){ $f ~> $g }))(1))",
            Any,
        ),
        bomb(
            "frames in frames",
            "($f := function($n, $g){ $n = 0 ? $g : $f($n - 1, function(){ $g }) }; $type($f(100000, 1)))",
            Any,
        ),
        bomb("$string of a deep value", "$string($$.deep)", Value),
        bomb("descendants of deep values", "$count($$.**)", Any),
        bomb("descendants of descendants", "$count($$.**.**)", Any),
        bomb("descendants three times", "$count(chain.**.**.**)", Any),
        bomb("descendants four times", "$count(chain.**.**.**.**.**)", Bound),
        bomb("deep members by parents", "chain.a.a.a.a.a.%.%.%.%.%", Any),
        // Joins, groupings, sorts
        bomb("a cross join", "$count(rows@$a.rows@$b.rows@$c.{\"a\": $a})", Any),
        bomb("a cross join of the root", "$count($$.rows@$a.$$.rows@$b[$a.id = $b.id + 1].($a.id))", Bound),
        bomb("indexes on cross joins", "$count(rows#$a.$$.rows#$b.$$.rows#$c)", Bound),
        bomb("grouping with a key for each", "$$.numbers{ $string($): $ }", Any),
        bomb("grouping all with all", "[1..100000].{ $string($): $$.numbers }", Any),
        bomb("grouping within grouping", "rows{ g: $$.rows{ g: $$.rows{ g: $count(id) } } }", Any),
        bomb(
            "a comparator that calls a sort",
            "$sort($$.numbers, function($a, $b){ $count($sort($$.numbers)) > 0 })",
            Bound,
        ),
        bomb("a comparator that never agrees", "$count($sort([1..100000], function($a, $b){ true }))", Any),
        bomb("a sort by wide keys", "rows^($sum($$.numbers))", Bound),
        bomb("a sort of long texts", "$count($sort([1..800].($$.text & $string($))))", Bound),
        bomb("transform that updates everything", "$$ ~> |**|{\"x\": 1}|", Any),
        bomb("transform within transform", "$$ ~> |rows|{\"x\": $$ ~> |rows|{\"y\": 1}|}|", Bound),
        bomb("transform that adds many", "$$ ~> |rows|$$.members|", Bound),
        bomb("transform that adds many to one", "$$ ~> |rows[0]|$$.members|", Any),
        bomb("transform that deletes many", "$$ ~> |members|{}, $keys($$.members)|", Any),
        // Pictures
        bomb("a long number picture", r#"$formatNumber(1, $pad("0", 1000000, "0"))"#, Any),
        bomb("number pictures in a loop", r##"[1..800000].$formatNumber($, "#,##0.00")"##, Bound),
        bomb("a long date picture", r#"$fromMillis(1, $pad("[Y]", 1000000, "[M]"))"#, Any),
        bomb("a wide date component", r#"$length($fromMillis(1, "[Y,999999999-999999999]"))"#, Any),
        bomb("a wide year", r#"$length($fromMillis(1, "[Y,1000000]"))"#, Any),
        bomb("a long integer picture", r#"$formatInteger(1e300, "w")"#, Any),
        bomb("huge Roman numbers", r#"$formatInteger(1e15, "I")"#, Any),
        bomb("huge letters", r#"$formatInteger(1e300, "A")"#, Any),
        bomb("parsing dates in a loop", r#"[1..800000].$toMillis("2024-02-29T12:34:56Z")"#, Any),
        bomb("a long text as a date", r#"$toMillis($$.text, "[Y]")"#, Any),
        bomb("a long text as an integer", r#"$parseInteger($$.text, "w")"#, Any),
        bomb("a long fraction in $formatBase", "$formatBase(1e300, 2)", Any),
        bomb("$power in a loop", "[1..800000].$power(1.0000001, 1e9)", Any),
        bomb("$round to many places", "[1..800000].$round(1.23456789, 300)", Any),
        // Signatures
        bomb("a wide array for a signature", "[1..100000].(function($a)<a<n>:n>{ 1 })($$.numbers)", Bound),
        bomb(
            "a signature of many parameters",
            format!("function($a)<{}:n>{{1}}(1)", "n?".repeat(5_000)),
            Any,
        ),
        bomb(
            "a signature that could backtrack",
            format!("function($a)<{}:n>{{1}}({}\"x\")", "n+".repeat(25), "1,".repeat(40)),
            Any,
        ),
    ];
    let text = |name, text: String, end| Bomb { name, expression: text, end };
    bombs.push(text("deep parentheses", format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)), Any));
    bombs.push(text("deep brackets", format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), Any));
    bombs.push(text("deep braces", format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)), Any));
    bombs.push(text(
        "deep functions",
        format!("{}1{}", "function(){".repeat(100_000), "}".repeat(100_000)),
        Any,
    ));
    bombs.push(text("deep predicates", format!("a{}1{}", "[a".repeat(100_000), "]".repeat(100_000)), Any));
    bombs.push(text("open parentheses alone", "(".repeat(1_000_000), Any));
    bombs.push(text("minus signs", format!("{}1", "-".repeat(1_000_000)), Any));
    bombs.push(text("conditions", format!("{}1", "true ? 1 : ".repeat(90_000)), Any));
    bombs.push(text("conditions inside", format!("{}1", "true ? ".repeat(90_000)), Any));
    bombs.push(text("a long sum", format!("1{}", "+1".repeat(500_000)), Any));
    bombs.push(text("a long concatenation", format!("1{}", "&1".repeat(500_000)), Any));
    bombs.push(text("a long path", format!("a{}", ".a".repeat(500_000)), Any));
    bombs.push(text("a long chain", format!("1{}", "~>$string".repeat(100_000)), Any));
    bombs.push(text("a thousand predicates", format!("numbers{}", "[$ >= 0]".repeat(1_000)), Any));
    bombs.push(text("a hundred thousand predicates", format!("numbers{}", "[0]".repeat(100_000)), Any));
    bombs.push(text("parents", format!("a{}", ".%".repeat(100_000)), Any));
    bombs.push(text("calls of calls", format!("$f{}", "()".repeat(300_000)), Any));
    bombs.push(text("assignments", format!("{}1", "$a:=".repeat(200_000)), Any));
    bombs.push(text("many statements", format!("({}1)", "$a:=1;".repeat(100_000)), Bound));
    bombs.push(text("a wide array", format!("[{}1]", "1,".repeat(200_000)), Bound));
    bombs.push(text("a wide object", format!("{{{}\"z\":1}}", "\"a\":1,".repeat(100_000)), Bound));
    bombs.push(text("a long string", format!("\"{}\"", "a".repeat(1_000_000)), Any));
    bombs.push(text("a long number", "9".repeat(1_000_000), Any));
    bombs.push(text("a long name", "a".repeat(1_000_000), Any));
    bombs.push(text("a long pattern", format!("/{}/", "a".repeat(900_000)), Any));
    bombs.push(text("a pattern of groups", format!("/{}{}/", "(".repeat(50_000), ")".repeat(50_000)), Any));
    bombs.push(text("a long comment", format!("/*{}*/1", "*".repeat(1_000_000)), Any));
    bombs
}
