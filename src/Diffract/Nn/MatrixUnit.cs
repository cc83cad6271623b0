namespace Diffract.Nn;

/// <summary>What multiplies whole registers of bfloat16 rows for the project's own kernels.</summary>
public enum MatrixUnit
{
    /// <summary>Nothing: products are made by vectors.</summary>
    None,

    /// <summary>Intel's AMX-BF16.</summary>
    Amx,

    /// <summary>The same instructions in software, to test the kernels where there is no such unit: DIFFRACT_KERNELS=amx_in_software. Slow.</summary>
    Software,
}
