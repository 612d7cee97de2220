//! What is measured: transforms as they occur in workflows

/// One transform
pub(crate) struct Transform {
    pub(crate) name: &'static str,
    /// Name of its input, see [`crate::inputs`]
    pub(crate) input: &'static str,
    pub(crate) expression: &'static str,
}

const fn transform(name: &'static str, input: &'static str, expression: &'static str) -> Transform {
    Transform { name, input, expression }
}

pub(crate) const TRANSFORMS: &[Transform] = &[
    transform(
        "field mapping",
        "orders 10 KB",
        r#"orders.{
            "orderId": id,
            "customer": customerId,
            "state": status,
            "placedAt": created,
            "destination": { "city": shipping.address.city, "country": shipping.address.country },
            "lines": items.{ "article": sku, "count": quantity, "unit": price }[]
        }"#,
    ),
    transform(
        "field mapping, large",
        "orders 1 MB",
        r#"orders.{ "orderId": id, "customer": customerId, "to": shipping.address.city, "articles": [items.sku] }"#,
    ),
    transform(
        "filters",
        "orders 100 KB",
        r#"orders[status = "shipped" and shipping.address.country in ["DE", "FR"]].items[quantity > 3 and price < 100].sku"#,
    ),
    transform(
        "nested sums",
        "orders 100 KB",
        r#"orders.{ "id": id, "total": $round($sum(items.(price * quantity)) * (1 - discount), 2) }"#,
    ),
    transform(
        "join by predicate",
        "orders 10 KB",
        r#"($customers := customers;
            orders[status != "cancelled"].(
                $customerId := customerId;
                $customer := $customers[id = $customerId];
                { "order": id, "name": $customer.name, "mail": $customer.email }
            ))"#,
    ),
    transform(
        "join by lookup table",
        "orders 100 KB",
        r#"($byId := customers{ id: $ };
            orders.(
                $customer := $lookup($byId, customerId);
                { "order": id, "name": $customer.name, "tier": $customer.tier }
            ))"#,
    ),
    transform(
        "group by",
        "orders 1 MB",
        r#"orders{ status: { "count": $count(id), "value": $sum(items.(price * quantity)) } }"#,
    ),
    transform(
        "sort",
        "orders 100 KB",
        r#"orders^(shipping.address.country, >discount, id).{ "id": id, "country": shipping.address.country }"#,
    ),
    transform(
        "string building",
        "orders 100 KB",
        r##"$join(orders.("#" & id & " " & $uppercase(status) & ": " & $join(items.(quantity & "x " & $trim(description)), ", ") & " -> " & $substringBefore(shipping.address.street, " ")), "\n")"##,
    ),
    transform(
        "dates",
        "orders 10 KB",
        r#"orders.(
            $at := $toMillis(created);
            { "day": $fromMillis($at, "[D01].[M01].[Y0001]"), "due": $fromMillis($at + 14 * 86400000), "week": $fromMillis($at, "[FNn] week [W]") }
        )"#,
    ),
    transform(
        "higher-order functions",
        "orders 100 KB",
        r#"orders
            ~> $filter(function($order) { $order.status in ["paid", "shipped"] })
            ~> $map(function($order, $index) { { "index": $index, "units": $reduce($order.items.quantity, function($sum, $each) { $sum + $each }, 0) } })
            ~> $sort(function($left, $right) { $left.units < $right.units })"#,
    ),
    transform(
        "aggregation",
        "orders 1 MB",
        r#"{
            "orders": $count(orders),
            "revenue": $sum(orders.items.(price * quantity)),
            "largest": $max(orders.items.price),
            "average": $average(orders.items.quantity),
            "articles": $count($distinct(orders.items.sku)),
            "open": $count(orders[status in ["placed", "paid"]])
        }"#,
    ),
    transform(
        "regular expressions",
        "log 100 KB",
        r#"lines[$contains($, /ERROR|status=5\d\d/)].(
            $found := $match($, /id=(r-[0-9a-f]+) path=(\S+) status=(\d+) took (\d+)ms/);
            { "id": $found.groups[0], "path": $replace($found.groups[1], /\d+/, "N"), "took": $number($found.groups[3]) }
        )"#,
    ),
    transform(
        "splitting text",
        "log 10 KB",
        r#"lines.(
            $parts := $split($, " ");
            { "at": $parts[0], "level": $lowercase($parts[1]), "service": $substring($parts[2], 1, $length($parts[2]) - 2), "last": $parts[-1] }
        )"#,
    ),
    transform(
        "$each, $sift and $merge",
        "settings 20 KB",
        r#"($defaults := defaults;
            functions
            ~> $sift(function($function) { $function.enabled })
            ~> $each(function($function, $name) { { "name": $name, "settings": $merge([$defaults, $sift($function, function($value, $key) { $key != "tags" })]) } }))"#,
    ),
    transform(
        "objects built by $reduce",
        "settings 20 KB",
        r#"$reduce($keys(functions), function($counts, $name) { (
            $team := $lookup($$.functions, $name).tags.team;
            $merge([$counts, { $team: $lookup($counts, $team) + 1 }])
        ) }, { "shop": 0, "data": 0, "core": 0 })"#,
    ),
    transform(
        "transform operator",
        "orders 100 KB",
        r#"$ ~> |orders.items|{ "total": $round(price * quantity, 2) }, ["internal", "tags"]|"#,
    ),
    transform("descendants", "tree 15 KB", r"$sum(**.size[$ > 1000])"),
    transform(
        "recursion",
        "tree 15 KB",
        r#"($walk := function($node, $path) { (
            $here := $path & "/" & $node.name;
            $append({ "path": $here, "size": $node.size }, $map($node.children, function($child) { $walk($child, $here) }))
        ) };
        $walk($, ""))"#,
    ),
    transform(
        "parents and indexes",
        "orders 100 KB",
        r#"orders.items#$line[quantity > 5].{ "order": %.id, "line": $line, "sku": sku, "country": %.shipping.address.country }"#,
    ),
    transform(
        "join by focus",
        "orders 10 KB",
        r#"orders@$order.%.customers@$customer[$customer.id = $order.customerId].{ "order": $order.id, "country": $customer.country }"#,
    ),
    transform(
        "conditions",
        "orders 100 KB",
        r#"orders.{
            "id": id,
            "class": $count(items) > 3 ? "large" : $count(items) > 1 ? "medium" : "small",
            "free": shipping.method = "standard" or discount >= 0.1,
            "note": $exists(items[quantity > 8]) ? "check stock"
        }"#,
    ),
];

/// What the smallest expression in a workflow costs; `$states` is bound from outside.
pub(crate) const SMALL: Transform = transform("$states.input.a + 1", "state", "$states.input.a + 1");
