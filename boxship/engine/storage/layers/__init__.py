"""Layers: the archive form of a filesystem change, unpacked into trees and packed out of them."""
