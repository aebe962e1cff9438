"""The porter's lodge: who is at the door, who may come in, and what each one brings.

`discover` finds plugins, `admit` lets them in or says why not, `collect` asks each what it brings, `assemble`
puts it all together and names both sides of every clash. `fence` stands around every call into a plugin.
"""
