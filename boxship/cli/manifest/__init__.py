"""``boxship manifest …``: manifest lists."""
