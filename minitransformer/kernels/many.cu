// Many arrays in one launch. Each block takes CHUNK numbers of one of them; tables say of which, from where, and how many it has.
const int CHUNK = 1024;
const int THREADS = 256;

struct Part {
    int array;
    long long start, end;
    __device__ Part(const int* arrays, const long long* starts, const long long* sizes)
        : array(arrays[blockIdx.x]), start(starts[blockIdx.x]) {
        end = start + CHUNK < sizes[blockIdx.x] ? start + CHUNK : sizes[blockIdx.x];
    }
};

#define TABLES const unsigned long long* addresses, const int* arrays, const long long* starts, const long long* sizes
#define EACH(i) (long long i = part.start + threadIdx.x; i < part.end; i += THREADS)

// The sum of squares of each block's numbers.
template <class T> __global__ void squares(TABLES, T* sums) {
    Part part(arrays, starts, sizes);
    const T* x = (const T*)addresses[part.array];
    __shared__ T partial[THREADS];
    T sum = 0;
    for EACH(i) sum += x[i] * x[i];
    partial[threadIdx.x] = sum;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = partial[0];
}

// Every number times a factor that lives on the device.
template <class T> __global__ void scale(TABLES, const T* factor) {
    Part part(arrays, starts, sizes);
    T* x = (T*)addresses[part.array];
    for EACH(i) x[i] *= *factor;
}

// One step of Adam. addresses: (4, count), of the parameters, gradients, means and mean squares.
template <class T> __global__ void adam(
    TABLES, int count, double step, double root, double b1, double b2, double eps, double decay, double shrink) {
    Part part(arrays, starts, sizes);
    T *p = (T*)addresses[part.array], *m = (T*)addresses[2 * count + part.array], *v = (T*)addresses[3 * count + part.array];
    const T* g = (const T*)addresses[count + part.array];
    for EACH(i) {
        T old = p[i] * T(shrink), slope = g[i] + T(decay) * old;
        m[i] = T(b1) * m[i] + T(1 - b1) * slope;
        v[i] = T(b2) * v[i] + T(1 - b2) * slope * slope;
        p[i] = old - T(step) * m[i] / (sqrt(v[i]) / T(root) + T(eps));
    }
}
