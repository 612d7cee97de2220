//! Map states, and states inside them.

use serde_json::{Value, json};

use crate::{INVOKE, check, common::TestServer, result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_distributed_map_shows_its_items_on_their_way() {
    let server = TestServer::start().await;
    let map = |more: Value| {
        let mut state = json!({
            "Type": "Map", "End": true, "QueryLanguage": "JSONata",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}},
            },
        });
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        state
    };
    let reader = |config: Value| {
        json!({
            "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
            "Arguments": {"Bucket": "b", "Key": "{% $states.input.key %}"},
        })
    };
    check(
        &server,
        "a JSON file with a pointer, a selector and a batcher",
        map(json!({
            "ItemReader": reader(json!({"InputType": "JSON", "ItemsPointer": "/a~1b/rows", "MaxItems": 3})),
            "ItemSelector": {
                "i": "{% $states.context.Map.Item.Index %}", "v": "{% $states.context.Map.Item.Value %}",
                "from": "{% $states.context.Map.Item.Source %}",
            },
            "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"key": "{% $states.input.key %}"}},
            "ToleratedFailurePercentage": 50, "MaxConcurrency": 7,
        })),
        json!({
            "input": {"key": "k"}, "mock": result(json!([1, 2])),
            "stateConfiguration": {
                "mapItemReaderData": "{\"a/b\": {\"rows\": [10, 20, 30, 40]}}", "mapIterationFailureCount": 1,
            },
        }),
        json!({
            "status": "SUCCEEDED", "output": [1, 2],
            "inspectionData": {
                "input": {"key": "k"}, "maxConcurrency": 7, "toleratedFailurePercentage": 50.0,
                "afterItemsPointer": [10, 20, 30, 40],
                "afterItemSelector": [
                    {"i": 0, "v": 10, "from": "S3://b/k"}, {"i": 1, "v": 20, "from": "S3://b/k"},
                    {"i": 2, "v": 30, "from": "S3://b/k"},
                ],
                "afterItemBatcher": [
                    {"BatchInput": {"key": "k"}, "Items": [
                        {"i": 0, "v": 10, "from": "S3://b/k"}, {"i": 1, "v": 20, "from": "S3://b/k"},
                    ]},
                    {"BatchInput": {"key": "k"}, "Items": [{"i": 2, "v": 30, "from": "S3://b/k"}]},
                ],
            },
        }),
    )
    .await;
    check(
        &server,
        "lines of JSON, and a share of failures that is too large",
        map(json!({
            "ItemReader": reader(json!({"InputType": "JSONL"})), "ItemSelector": "{% $states.context.Map.Item.Value.n %}",
            "ToleratedFailurePercentage": "{% 40 %}",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Handle", "Output": "{% $states.errorOutput.Error %}"}],
        })),
        json!({
            "input": {"key": "k"}, "mock": result(json!([1, 2])),
            "stateConfiguration": {"mapItemReaderData": "{\"n\": 1}\n\n{\"n\": 2}\n", "mapIterationFailureCount": 1},
        }),
        json!({
            "status": "CAUGHT_ERROR", "nextState": "Handle", "output": "States.ExceedToleratedFailureThreshold",
            "error": "States.ExceedToleratedFailureThreshold",
            "cause": "The specified tolerated failure threshold was exceeded",
            "inspectionData": {
                "input": {"key": "k"}, "maxConcurrency": 0, "toleratedFailurePercentage": 40.0,
                "afterItemSelector": [1, 2], "errorDetails": {"catchIndex": 0},
            },
        }),
    )
    .await;
    let csv = |more: Value| {
        let mut config = json!({"InputType": "CSV"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    for (about, config, data, items) in [
        (
            "a CSV file with a header",
            csv(json!({"CSVHeaderLocation": "FIRST_ROW", "MaxItems": 2})),
            "a,b\n1,\"x,\"\"y\"\"\"\n2\n3,4\n",
            json!([{"a": "1", "b": "x,\"y\""}, {"a": "2", "b": ""}]),
        ),
        (
            "a CSV file with given headers and bars",
            csv(json!({"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "PIPE"})),
            "1,5|2\n\\||",
            json!([{"a": "1,5"}, {"a": "|"}]),
        ),
    ] {
        check(
            &server,
            about,
            map(json!({
                "ItemReader": reader(config), "ItemSelector": "{% $states.context.Map.Item.Value %}",
            })),
            json!({
                "input": {"key": "k"}, "mock": result(json!([])),
                "stateConfiguration": {"mapItemReaderData": data},
            }),
            json!({
                "status": "SUCCEEDED", "output": [],
                "inspectionData": {"input": {"key": "k"}, "maxConcurrency": 0, "afterItemSelector": items},
            }),
        )
        .await;
    }
    check(
        &server,
        "an ItemReader whose items are in the input, as AWS documents it",
        json!({
            "Type": "Map", "End": true, "ItemsPath": "$.orders", "ItemSelector": {"v.$": "$$.Map.Item.Value"},
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "b", "Key": "k"},
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}},
            },
        }),
        json!({"input": {"orders": [1, 2]}, "mock": result(json!([]))}),
        json!({
            "status": "SUCCEEDED", "output": [],
            "inspectionData": {
                "input": {"orders": [1, 2]}, "afterInputPath": {"orders": [1, 2]}, "afterItemsPath": [1, 2],
                "afterItemSelector": [{"v": 1}, {"v": 2}], "maxConcurrency": 0,
                "afterResultSelector": [], "afterResultPath": [],
            },
        }),
    )
    .await;
    for items in [json!("{% $states.input.all %}"), json!({"a": 1, "b": "{% $states.input.all.b %}"})] {
        check(
        &server,
        "an object as dataset",
        map(json!({
            "Items": items,
            "ItemSelector": ["{% $states.context.Map.Item.Key %}", "{% $states.context.Map.Item.Value %}"],
        })),
        json!({"input": {"all": {"a": 1, "b": 2}}, "mock": result(json!([]))}),
        json!({
            "status": "SUCCEEDED", "output": [],
            "inspectionData": {
                "input": {"all": {"a": 1, "b": 2}}, "maxConcurrency": 0, "afterItemSelector": [["a", 1], ["b", 2]],
            },
        }),
    )
    .await;
    }
    for (data, config, cause) in [
        ("5", json!({"InputType": "JSON"}), "Attempting to map over non-iterable node."),
        ("[]", json!({"InputType": "JSON", "ItemsPointer": "/x"}), "The ItemsPointer '/x' leads nowhere."),
        (
            "a,a\n1,2",
            csv(json!({"CSVHeaderLocation": "FIRST_ROW"})),
            "CSV headers cannot contain duplicates.",
        ),
    ] {
        check(
            &server,
            "data that no reader could use",
            map(json!({"ItemReader": reader(config)})),
            json!({
                "input": {"key": "k"}, "mock": result(json!([])), "inspectionLevel": "INFO",
                "stateConfiguration": {"mapItemReaderData": data},
            }),
            json!({"status": "FAILED", "error": "States.ItemReaderFailed", "cause": cause}),
        )
        .await;
    }
    // Many columns times many rows.
    let columns: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
    let data = format!("{}{}", columns.join(","), "\n".repeat(200_000));
    check(
        &server,
        "a small file with many values",
        map(json!({"ItemReader": reader(csv(json!({"CSVHeaderLocation": "FIRST_ROW"})))})),
        json!({
            "input": {"key": "k"}, "mock": result(json!([])), "inspectionLevel": "INFO",
            "stateConfiguration": {"mapItemReaderData": data},
        }),
        json!({
            "status": "FAILED", "error": "States.Runtime",
            "cause": "The ItemReader makes more than 8388608 bytes of items, which is more than the test of a state may.",
        }),
    )
    .await;
    for (config, problem) in [
        (json!({"InputType": "PARQUET"}), "PARQUET can't be read yet; CSV, JSON and JSONL can"),
        (json!({"InputType": "MANIFEST"}), "the files that a MANIFEST lists can't be given"),
        (
            csv(json!({"ManifestType": "ATHENA_DATA", "CSVHeaderLocation": "FIRST_ROW"})),
            "the files that a manifest lists can't be given",
        ),
    ] {
        let request = json!({
            "definition": map(json!({"ItemReader": reader(config)})).to_string(), "mock": result(json!([])),
            "input": "{\"key\": \"k\"}", "stateConfiguration": {"mapItemReaderData": "a"},
        });
        let (code, message) = server.error("TestState", request).await;
        let expected = format!("MapItemReaderData is not supported for this ItemReader: {problem}.");
        assert_eq!((code.as_str(), message), ("ValidationException", expected));
    }
    server.stop().await;
}

/// As AWS documents it: the first iteration, with the state's input as its item.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_inside_a_map_is_in_the_first_iteration() {
    let server = TestServer::start().await;
    let around = |inner: Value, more: Value| {
        let mut map = json!({
            "Type": "Map", "End": true, "ItemProcessor": {"StartAt": "Inner", "States": {"Inner": inner}},
        });
        for (name, value) in more.as_object().unwrap() {
            match name.as_str() {
                "ProcessorConfig" => map["ItemProcessor"][name] = value.clone(),
                _ => map[name] = value.clone(),
            }
        }
        json!({"StartAt": "M", "States": {"M": map}})
    };
    let pass = json!({"Type": "Pass", "Parameters": {"item.$": "$$.Map.Item"}, "End": true});
    let task = json!({
        "Type": "Task", "QueryLanguage": "JSONata", "Resource": INVOKE, "Arguments": {"FunctionName": "f"},
        "Output": {"item": "{% $states.context.Map.Item %}"}, "End": true,
    });
    let parallel = json!({
        "Type": "Parallel", "End": true, "Branches": [{"StartAt": "Deep", "States": {"Deep": pass.clone()}}],
    });
    let distributed = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    let reader = |config: Value| {
        json!({
            "Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": config,
        })
    };
    let list = json!({"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}});
    let inner_map = json!({
        "Type": "Map", "End": true, "ItemSelector": {"item.$": "$$.Map.Item"},
        "ItemProcessor": {"StartAt": "Deep", "States": {"Deep": pass.clone()}},
    });
    let first = json!({"Index": 0, "Value": [7]});
    let cases = [
        ("Inner", around(pass.clone(), json!({})), json!({}), first.clone()),
        ("Inner", around(task, json!({})), json!({"mock": result(json!({}))}), first.clone()),
        ("Deep", around(parallel, json!({})), json!({}), first.clone()),
        (
            "Inner",
            around(pass.clone(), json!({"ProcessorConfig": distributed})),
            json!({}),
            json!({"Index": 0, "Value": [7], "Source": "STATE_DATA"}),
        ),
        (
            "Inner",
            around(
                pass.clone(),
                json!({"ProcessorConfig": distributed, "ItemReader": reader(json!({"InputType": "JSON"}))}),
            ),
            json!({}),
            json!({"Index": 0, "Value": [7], "Key": "key", "Source": "S3://bucket/key"}),
        ),
        (
            "Inner",
            around(pass.clone(), json!({"ProcessorConfig": distributed, "ItemReader": list})),
            json!({}),
            json!({"Index": 0, "Value": [7], "Source": "S3://bucket"}),
        ),
    ];
    for (name, machine, more, item) in cases {
        let mut request = json!({"stateName": name, "input": [7], "inspectionLevel": "INFO"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let expected = json!({"status": "SUCCEEDED", "output": {"item": item}});
        check(&server, &machine.to_string(), machine.clone(), request, expected).await;
    }
    check(
        &server,
        "a Map inside a Map has items of its own",
        around(inner_map.clone(), json!({})),
        json!({"stateName": "Inner", "input": [7], "mock": result(json!([]))}),
        json!({
            "status": "SUCCEEDED", "output": [],
            "inspectionData": {
                "input": [7], "afterInputPath": [7], "afterItemsPath": [7], "maxConcurrency": 0,
                "afterItemSelector": [{"item": {"Index": 0, "Value": 7, "Source": "STATE_DATA"}}],
                "afterResultSelector": [], "afterResultPath": [],
            },
        }),
    )
    .await;
    let alone =
        "The JSONPath '$$.Map.Item' specified for the field 'item.$' could not be found in the input '[7]'";
    check(
        &server,
        "a state that is in no Map",
        pass,
        json!({"input": [7], "inspectionLevel": "INFO"}),
        json!({"status": "FAILED", "error": "States.Runtime", "cause": alone}),
    )
    .await;
    server.stop().await;
}
