import os

INBOX = os.environ.get("APPROVAL_INBOX", ".")


def ask(event, context):
    """Puts the token where a person finds it. A real handler would send a mail with a link."""
    expense = event["expense"]
    path = os.path.join(INBOX, f"token-{expense['id']}.txt")
    # Written beside and renamed, so that nobody reads half a token.
    with open(path + ".part", "w") as file:
        file.write(event["token"])
    os.replace(path + ".part", path)
    endpoint = os.environ["AWS_ENDPOINT_URL_SFN"]
    print(f"{expense['who']} wants {expense['amount']} for {expense['what']}. To approve:")
    print(f"stepwell task succeed @{os.path.abspath(path)} --result '{{\"approved\": true}}' --endpoint-url {endpoint}")
