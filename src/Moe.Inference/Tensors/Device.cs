namespace Moe.Inference.Tensors;

/// <summary>Names one device: a kind (<c>CPU</c>, <c>CUDA</c>, …) and a number among its kind. A value, not a handle.</summary>
/// <param name="Kind">The kind, in capitals, letters only.</param>
/// <param name="Index">The number among devices of that kind, from 0.</param>
public readonly record struct Device(string Kind, int Index)
{
    /// <summary>The kind of the host processor.</summary>
    public const string CpuKind = "CPU";

    /// <summary>The kind of NVIDIA GPUs.</summary>
    public const string CudaKind = "CUDA";

    /// <summary>The host processor.</summary>
    public static Device Cpu { get; } = new(CpuKind, 0);

    /// <summary>Whether this is the host processor.</summary>
    public bool IsCpu => Kind == CpuKind;

    /// <summary>The CUDA device of a number.</summary>
    public static Device Cuda(int index) => new(CudaKind, index);

    /// <summary>Reads a device's name as llama.cpp writes it: <c>CPU</c>, <c>CUDA0</c>, <c>SIM1</c>.</summary>
    /// <exception cref="FormatException">The text is no device name.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int letters = 0;
        while (letters < text.Length && char.IsAsciiLetter(text[letters]))
            letters++;
        string digits = text[letters..];
        int index = 0;
        if (letters == 0 || (digits.Length > 0 && !int.TryParse(digits, System.Globalization.NumberStyles.None, null, out index)))
            throw new FormatException($"'{text}' is no device name; expected letters and a number, such as CPU or CUDA0");
        return new(text[..letters].ToUpperInvariant(), index);
    }

    /// <summary>The name as <see cref="Parse"/> reads it.</summary>
    public override string ToString() => IsCpu && Index == 0 ? Kind : $"{Kind}{Index}";
}
