"""The rows that a fit reads, checked at the door and put in an order of their own."""
