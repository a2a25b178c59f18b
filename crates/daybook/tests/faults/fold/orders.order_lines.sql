select order_id, line, product_id, name, quantity, unit_price as unit_price_minor from lines
