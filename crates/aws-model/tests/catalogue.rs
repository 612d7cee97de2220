//! The data that is carried: every service can be unpacked, and what is known about AWS's own names holds for it.

use stepwell_aws_model::{
    Location, Protocol, ShapeKind, botocore_version, nearest, partition, service, service_of, services,
};

/// The limit on what the data adds to the program, in bytes.
const DATA_BYTES_MAX: u64 = 3 * 1024 * 1024;

#[test]
fn every_service_is_read_and_its_shapes_are_all_there() {
    let mut operations = 0;
    for summary in services() {
        let service = service(summary.word).unwrap_or_else(|| panic!("{} can't be read", summary.word));
        assert_eq!((&*service.prefix, &*service.botocore_name), (summary.prefix, summary.botocore_name));
        operations += service.operations.len();
        for operation in &service.operations {
            assert_eq!(
                service.operation(&operation.action()).map(|found| &found.name),
                Some(&operation.name)
            );
            for shape in operation.input.iter().chain(&operation.output) {
                assert!(
                    matches!(service.shape(*shape).kind, ShapeKind::Structure { .. }),
                    "{}",
                    operation.name
                );
            }
            for error in &operation.errors {
                assert!(service.shape(*error).error.is_some(), "{} of {}", operation.name, summary.word);
            }
        }
    }
    assert_eq!(botocore_version(), "1.44.5");
    assert_eq!((services().count(), operations), (438, 19_788));
}

#[test]
fn the_data_is_small() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/models.bin");
    let size = std::fs::metadata(path).expect("the data is there").len();
    assert!(size <= DATA_BYTES_MAX, "{size} bytes");
}

#[test]
fn services_have_the_words_and_prefixes_of_step_functions() {
    for (botocore_name, word, prefix) in [
        ("stepfunctions", "sfn", "Sfn"),
        ("dynamodb", "dynamodb", "DynamoDb"),
        ("logs", "cloudwatchlogs", "CloudWatchLogs"),
        ("ce", "costexplorer", "CostExplorer"),
        ("cognito-idp", "cognitoidentityprovider", "CognitoIdentityProvider"),
        ("discovery", "applicationdiscovery", "ApplicationDiscovery"),
        ("dms", "databasemigration", "DatabaseMigration"),
        ("ds", "directory", "Directory"),
        ("elbv2", "elasticloadbalancingv2", "ElasticLoadBalancingV2"),
        ("es", "elasticsearch", "Elasticsearch"),
        ("events", "eventbridge", "EventBridge"),
        ("iot-data", "iotdataplane", "IotDataPlane"),
        ("lexv2-models", "lexmodelsv2", "LexModelsV2"),
        ("meteringmarketplace", "marketplacemetering", "MarketplaceMetering"),
        ("mgh", "migrationhub", "MigrationHub"),
        ("sdb", "simpledb", "SimpleDb"),
        ("serverlessrepo", "serverlessapplicationrepository", "ServerlessApplicationRepository"),
        ("secretsmanager", "secretsmanager", "SecretsManager"),
        ("ssm", "ssm", "Ssm"),
        ("s3", "s3", "S3"),
        ("ec2", "ec2", "Ec2"),
        ("memorydb", "memorydb", "MemoryDb"),
        ("apigatewayv2", "apigatewayv2", "ApiGatewayV2"),
    ] {
        let found = service_of(botocore_name).unwrap_or_else(|| panic!("no {botocore_name}"));
        assert_eq!((&*found.word, &*found.prefix), (word, prefix));
        assert_eq!(service(&word.to_uppercase()).map(|found| found.word.clone()).as_deref(), Some(word));
    }
}

#[test]
fn error_classes_are_those_of_the_java_sdk() {
    for (word, code, class) in [
        ("rds", "DBInstanceNotFound", "DbInstanceNotFoundException"),
        ("kms", "KMSInvalidStateException", "KmsInvalidStateException"),
        ("s3", "NoSuchKey", "NoSuchKeyException"),
        ("sfn", "InvalidToken", "InvalidTokenException"),
        ("dynamodb", "ResourceNotFoundException", "ResourceNotFoundException"),
    ] {
        let service = service(word).expect(word);
        assert_eq!(service.error(code).map(|error| error.class()), Some(class), "{word} {code}");
    }
}

#[test]
fn shapes_keep_what_the_wire_and_the_checks_need() {
    let s3 = service("s3").expect("s3");
    assert_eq!(s3.protocol, Protocol::RestXml);
    let put = s3.operation("putObject").expect("putObject");
    assert_eq!((&*put.method, &*put.uri), ("PUT", "/{Bucket}/{Key+}"));
    let input = s3.shape(put.input.expect("an input"));
    let bucket = input.member("bucket").expect("Bucket");
    assert!(bucket.is_required && bucket.location == Some(Location::Uri));
    assert!(input.member("Body").expect("Body").is_payload);
    let class = s3.shape(input.member("StorageClass").expect("StorageClass").shape);
    assert!(class.enumeration.iter().any(|value| &**value == "GLACIER"));

    let lambda = service("lambda").expect("lambda");
    let create = lambda.operation("createFunction").expect("createFunction");
    let memory =
        lambda.shape(create.input.expect("an input")).member("MemorySize").expect("MemorySize").shape;
    let memory = lambda.shape(memory);
    assert_eq!(memory.min, Some(128.0));
    assert!(memory.max.is_some());
    assert!(lambda.operation("invokeWithResponseStream").expect("the operation").has_event_stream);
}

#[test]
fn endpoints_follow_regions_and_partitions() {
    for (word, region, url, signing_name, signing_region) in [
        ("sqs", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com", "sqs", "eu-west-1"),
        ("sqs", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn", "sqs", "cn-north-1"),
        ("iam", "eu-west-1", "https://iam.amazonaws.com", "iam", "us-east-1"),
        ("sfn", "us-east-1", "https://states.us-east-1.amazonaws.com", "states", "us-east-1"),
        ("ses", "eu-west-1", "https://email.eu-west-1.amazonaws.com", "ses", "eu-west-1"),
        ("s3", "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "s3", "eu-west-1"),
    ] {
        let found = service(word).expect(word).endpoint(region);
        assert_eq!(
            (found.url.as_str(), found.signing_name.as_str(), found.signing_region.as_str()),
            (url, signing_name, signing_region),
            "{word} in {region}"
        );
    }
    for (region, id) in [
        ("us-east-1", "aws"),
        ("ap-southeast-2", "aws"),
        ("us-gov-west-1", "aws-us-gov"),
        ("cn-north-1", "aws-cn"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("nowhere", "aws"),
    ] {
        assert_eq!(partition(region).map(|partition| partition.id), Some(id), "{region}");
    }
}

#[test]
fn a_mistyped_service_has_a_nearest_name() {
    assert_eq!(nearest("dynamobd", services().map(|summary| summary.word)), Some("dynamodb"));
}
