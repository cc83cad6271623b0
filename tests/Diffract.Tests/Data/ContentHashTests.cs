using Diffract.Data;

namespace Diffract.Tests.Data;

public class ContentHashTests
{
    [Fact]
    public void Hash_is_the_beginning_of_SHA256()
    {
        // SHA-256("abc"), FIPS 180-2, appendix B.1
        var hash = ContentHash.Of("abc"u8);
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223", hash.ToString());
        Assert.Equal(UInt128.Parse("ba7816bf8f01cfea414140de5dae2223", System.Globalization.NumberStyles.HexNumber), hash.Value);
        Assert.True(ContentHash.TryParse(hash.ToString(), out var back));
        Assert.Equal(hash, back);
    }

    [Theory, InlineData(""), InlineData("ba7816bf"), InlineData("ga7816bf8f01cfea414140de5dae2223"), InlineData(" a7816bf8f01cfea414140de5dae2223")]
    public void Other_text_is_no_hash(string text) => Assert.False(ContentHash.TryParse(text, out _));
}
