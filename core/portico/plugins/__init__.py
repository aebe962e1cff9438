"""Plugins: discovery of entry points, import and API check, hook calls, conflict detection, and the registry.

`discovery` finds installed plugins, `loader` imports them, `checks` finds mistakes in each, `contributions` collects what
each one registers, `conflicts` drops plugins that clash with others. `isolation` wraps every call into a plugin, and
`registry` holds the state of each plugin for `portico plugin list` and `/ready`.
"""
