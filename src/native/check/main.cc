// The stand-alone check, for a machine with CMake and nvcc alone: ldc_check, with the words of program.h.
#include "program.h"

int main(int count, char** words) { return ldc::check_program::check({words + 1, words + count}); }
