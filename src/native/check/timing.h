// Times of the network's layers on a device.
#pragma once

#include "../device.h"

namespace ldc::check_program {

// Prints a table: every convolution of LDCNet at 256 x 256 and a batch of 30, forward and both gradients, and the kernels that
// are bound by memory, with TFLOP/s and GB/s.
void time_layers(Device& device);

}  // namespace ldc::check_program
