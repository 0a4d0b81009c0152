// One step of Adam for many parameters at once. Each block takes CHUNK numbers of one parameter; a table of addresses says where.
const int CHUNK = 1024;

template <class T> __global__ void adam(
    const unsigned long long* addresses,  // (4, tensors): of the parameters, gradients, means and mean squares
    const int* tensors, const long long* starts, const long long* sizes,  // of each block: its parameter, first place and size
    int count, double step, double root, double b1, double b2, double eps, double decay, double shrink) {
    int tensor = tensors[blockIdx.x];
    T *p = (T*)addresses[tensor], *m = (T*)addresses[2 * count + tensor], *v = (T*)addresses[3 * count + tensor];
    const T* g = (const T*)addresses[count + tensor];
    long long end = starts[blockIdx.x] + CHUNK < sizes[blockIdx.x] ? starts[blockIdx.x] + CHUNK : sizes[blockIdx.x];
    for (long long i = starts[blockIdx.x] + threadIdx.x; i < end; i += blockDim.x) {
        T old = p[i] * T(shrink), slope = g[i] + T(decay) * old;
        m[i] = T(b1) * m[i] + T(1 - b1) * slope;
        v[i] = T(b2) * v[i] + T(1 - b2) * slope * slope;
        p[i] = old - T(step) * m[i] / (sqrt(v[i]) / T(root) + T(eps));
    }
}
