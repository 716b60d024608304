"""The engine: the pure machine decides, the asyncio shell around it carries out.

Nothing here knows which store, launcher or executor it is given; `elevon.app` picks them.
"""
