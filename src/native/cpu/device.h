// The CPU device: arena, thread pool, kernels of the chosen instruction set, and the thread that runs what is submitted.
#pragma once

#include <memory>

#include "../device.h"

namespace ldc::cpu {

// threads = 0: LDC_THREADS if set, else one for each processor this process may use. Throws std::runtime_error.
// bf16: what its features will be, for its description.
std::unique_ptr<Device> make_device(int threads, bool bf16 = false);

// Processors this process may use (affinity mask).
int processors();

}  // namespace ldc::cpu
