// Fixture folders against a device: every operator case, every output and gradient, the limits of the manifest.
#pragma once

#include <string>

#include "session.h"

namespace ldc::check_program {

struct Verdict {
  int cases = 0, tensors = 0, failed = 0;
  double largest_share = 0;  // of a limit, among tensors with one
  std::string largest_where;
};

// Prints a line for each tensor beyond its limit. Limits of convolutions are wider by what `rounding` can do to each element, worked out
// on `reference`; they alone have features in bf16.
Verdict check_folder(Device& device, const std::string& folder, const Rounding& rounding, Device& reference);

}  // namespace ldc::check_program
