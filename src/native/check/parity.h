// Fixture folders against a device: every operator case, every output and gradient, the limits of the manifest.
#pragma once

#include <string>

#include "../device.h"

namespace ldc::check_program {

struct Verdict {
  int cases = 0, tensors = 0, failed = 0;
  double largest_share = 0;  // of a limit, among tensors with one
  std::string largest_where;
};

// Prints a line for each tensor beyond its limit. `rounding` is 0 for fp32, else the unit roundoff of what the convolutions
// multiply in; their limits are then wider by what that rounding can do to each element, worked out on `reference`.
Verdict check_folder(Device& device, const std::string& folder, double rounding, Device& reference);

}  // namespace ldc::check_program
