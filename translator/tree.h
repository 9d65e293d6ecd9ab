// The paths of a tree, connected: what is known where a path is left for another, that one knows too; what it does not need,
// the exit does not deliver.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <span>

#include "translator/compile.h"
#include "translator/region.h"

namespace chrysalis::translator {

/// Optimises the paths of a tree, each before those that it is left for, which come later in `tree`.
///
/// Before: exit_if ... rmap{eax=v7 (const 3), ecx=v9, edx=v9, flags=v8} path 1     After: ... rmap{ecx=v9} path 1
///         path 1: entry eax=v0, ecx=v1, edx=v2, flags=v3                                  entry ecx=v1; v0 = const 3; v2 is v1
///
/// Requires: verify_tree().
/// Keeps:    that. No two registers of an exit to a path have the same value then, none has a constant or what the path never reads.
///           A path whose exit is gone, or has become the last of its path, is emptied.
/// Cost:     linear, besides the passes.
void optimize_tree(std::span<Region> tree, const isa::MachineDescription& machine, const CompileOptions& options);

/// Lets the paths that `path` is left for begin with their values where its maps, once registers are assigned, have them.
void place_entries(std::span<Region> tree, const Region& path);

/// Where a path of a tree begins: the map of an exit of an earlier path.
struct PathOrigin {
  Region* parent = nullptr;  ///< null: there is no such exit
  size_t point = 0;
};
PathOrigin origin_of(std::span<Region> tree, size_t path);

}  // namespace chrysalis::translator
