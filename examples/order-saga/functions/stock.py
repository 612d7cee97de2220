STOCK = {"book": 12, "lamp": 3, "grand-piano": 0}


class OutOfStock(Exception):
    """Fewer items are left than the order has."""


def reserve(event, context):
    left = STOCK.get(event["item"], 0)
    if event["quantity"] > left:
        raise OutOfStock(f"{event['quantity']} of {event['item']} ordered, {left} left")
    print(f"reserved {event['quantity']} of {event['item']}")
    return {"reservationId": f"reservation-{event['order']}"}


def release(event, context):
    print(f"released {event['reservation']['reservationId']}")
    return {"released": event["reservation"]["reservationId"]}
