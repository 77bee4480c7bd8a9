"""Names for containers whose user gave none: ``<adjective>_<surname>``, as Docker forms them."""

import os

_ADJECTIVES = """
able agile alert amber ample azure balmy bold brave breezy bright brisk bronze calm candid
cheery civil clear clever coral cosy crisp curious daring deft eager early earnest fair faithful
fearless fleet fond frank fresh gentle glad golden graceful grand handy happy hardy hearty
honest humble ivory jaunty jolly keen kind lively loyal lucid lucky mellow merry mild mirthful
modest neat nimble noble patient placid plucky polite prompt proud quick quiet radiant ready
robust rosy serene silver sincere smooth snug sober spry stable steady stout sturdy sunny swift
tender tidy tranquil trusty upbeat vivid warm wise witty zesty
"""

_SURNAMES = """
abel adleman agnesi almeida ampere anning avogadro babbage banach barton bassi bernoulli
bhaskara birkhoff bohr boltzmann boole borlaug brahe bunsen cantor carson carver cauchy celsius
chandra chebyshev copernicus cori coulomb curie dalton darwin dedekind descartes dijkstra
diophantus dirac doppler earhart edison einstein elion eratosthenes erdos euclid euler faraday
fermat fermi feynman fibonacci fourier franklin galileo galois gauss germain goeppert goldberg
hamilton hawking hertz herschel hilbert hodgkin hopper hubble huygens hypatia jackson jemison
johnson joliot jones kepler kirch knuth kovalevskaya lagrange lamarr laplace leakey leavitt
leibniz lovelace lumiere margulis maxwell mcclintock meitner mendel mendeleev mirzakhani
montalcini moser napier newton nightingale nobel noether ohm pascal pasteur pauling payne
perlman planck poincare ptolemy pythagoras raman ramanujan ride riemann roentgen rubin
rutherford sagan shannon sinoussi snow somerville stonebraker swartz tesla thales thompson
torvalds turing tycho vaughan villani volta wescoff wilson wing wright yalow yonath
"""


def random_name(retry: int = 0) -> str:
    """Propose a name; from the second try on digits make a collision less likely.

    retry: how many proposals were already taken.
    """
    adjectives, surnames = _ADJECTIVES.split(), _SURNAMES.split()
    noise = int.from_bytes(os.urandom(8), "big")
    noise, adjective = divmod(noise, len(adjectives))
    noise, surname = divmod(noise, len(surnames))
    suffix = noise % (10 ** min(retry, 9)) if retry else ""
    return f"{adjectives[adjective]}_{surnames[surname]}{suffix}"
