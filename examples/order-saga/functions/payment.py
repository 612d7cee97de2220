class CardDeclined(Exception):
    """The bank said no."""


def charge(event, context):
    # A real service takes the idempotency key, so that a repeated call charges the card once.
    if event["card"].endswith("0000"):
        raise CardDeclined("the bank declined the card")
    print(f"charged {event['amount']}")
    return {"chargeId": f"charge-{event['idempotencyKey']}"}


def refund(event, context):
    print(f"refunded {event['charge']['chargeId']}")
    return {"refunded": event["charge"]["chargeId"]}
