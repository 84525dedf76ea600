"""Two hundred devices at a broker of three nodes, one of which is killed: is anything lost?"""
