"""A made-up bicycle shop with people, contacts, conversations and workflows, for trying isflow out."""
