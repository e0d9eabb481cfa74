"""`sampan context …`"""
