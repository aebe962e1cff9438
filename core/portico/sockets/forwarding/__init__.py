"""Passes requests of a Socket.IO connection to the instance that owns it, so that no sticky sessions are needed.

The endpoint knows the Engine.IO ids in here, and the forwarder is called by the endpoint, so nothing is imported here.
"""
