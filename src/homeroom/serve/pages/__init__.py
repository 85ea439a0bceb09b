"""The pages of a node: where course teams, analysts and operators look.

In come requests of browsers; out go whole pages of HTML, and files of numbers. A page is drawn at the node, works
without script, and loads nothing but the node's own style and script. Whoever looks is signed in (`signing_in`), and is
then a caller like the holder of a key: questions go through the same door (`homeroom.serve.asking`), where scopes limit
them, and a page never shows what that door did not let through. Nothing is changed by reading a page.
"""

from homeroom.serve.pages.routes import page_routes, problem_page, wants_page

__all__ = ["page_routes", "problem_page", "wants_page"]
