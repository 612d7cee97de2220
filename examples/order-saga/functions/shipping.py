class AddressUnknown(Exception):
    """No carrier finds the address."""


def ship(event, context):
    if not event.get("address"):
        raise AddressUnknown("the order has no address")
    print(f"shipped to {event['address']}")
    return {"trackingNumber": f"parcel-{event['order']}"}
