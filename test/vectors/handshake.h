/* Handshakes computed by handshake.py, in hex; made by it, not by hand. */
#pragma once

struct handshake_vector {
	const char *initiator_private;
	const char *responder_private;
	const char *initiator_ephemeral;
	const char *responder_ephemeral;
	const char *preshared;
	const char *stamp;
	const char *initiator_cookie;
	const char *responder_cookie;
	const char *initiator_public;
	const char *responder_public;
	const char *initiator_index;
	const char *responder_index;
	const char *initiation;
	const char *response;
	const char *initiator_sends;
	const char *responder_sends;
	const char *keepalive;
	const char *secret;
	const char *nonce;
	const char *source;
	const char *cookie;
	const char *reply;
};

static const struct handshake_vector handshake_vectors[] = {
	{
		.initiator_private =
			"fa2600fbd6b5144ebf3be6062016914805bb2fe4929df564744695f2c8c01ce5",
		.responder_private =
			"5a35291ffe44b6508c88ec6f29e9c3d6d43827a03f2560101e64a71ea7926e88",
		.initiator_ephemeral =
			"ead7c5a12d1888babe04e51680786d5c82164feeef1f9dd2722ef4660c5eecc1",
		.responder_ephemeral =
			"0ee6a46957093d3239af1934c39bc15d368d6a20f26cc16ecfca19f43fa32473",
		.preshared =
			"0000000000000000000000000000000000000000000000000000000000000000",
		.stamp =
			"400000006553f10a00000000",
		.initiator_cookie =
			"",
		.responder_cookie =
			"",
		.initiator_public =
			"95a4af3bb7d8f1816fd57b73192779255d9e36a5177e40fe9b9892951935d36e",
		.responder_public =
			"460ab10f317a31915b445fb12f6606b4ebb41414a9000fbada3423263613753a",
		.initiator_index =
			"432cfbad",
		.responder_index =
			"58cf32df",
		.initiation =
			"01000000432cfbad4f4bfd0b636016531696cec7b373d018b7716e90278e9050226f88a6de73"
			"ee6b4e2f5ee407c8a29fa448bb2ab465a47a2d115c4a22554e25b0ee4a02e17b5dacff002098"
			"3ea27b42be27c4b39b21133658937e747cbd1e5ac0bd9540d994dfecbcedf838a7a75a42cbc8"
			"82ebc04081256de2a31ea5048dd6d693556900000000000000000000000000000000",
		.response =
			"0200000058cf32df432cfbad679557e0283c1db43c8f2698b4e01ccda3f6391eacde7e752145"
			"f6f7339ff6777d5b9da75a638eb17da4b52dc959c60bdd18239b5c07a516c551d9eaae0c551e"
			"00000000000000000000000000000000",
		.initiator_sends =
			"6339453d5ac33fe21add6190e32faf00acce4fecbb0ca30d5febe068b6554219",
		.responder_sends =
			"f0f8d969e279d3f04f3c17d4f75ba7aa8e4ece2f209963126313cacba1ce3c48",
		.keepalive =
			"0400000058cf32df0000000000000000cf85b4224dd7c54bd17f8917c6dc743d",
		.secret =
			"d14dc5b8614c544e8ae8721dfbbaeced07c937ae96deeae26d65a031d6a6456b",
		.nonce =
			"90e6a5f82ab2959e80afca84df18350d75e77264319aef9a",
		.source =
			"c0000201ca6c",
		.cookie =
			"2ac40430bf1f7dab2239a0b28413e928",
		.reply =
			"03000000432cfbad90e6a5f82ab2959e80afca84df18350d75e77264319aef9a4a3c70ed3614"
			"87e052a48ea9685cb2c0c9cae788c28f9329d6af216a2ce44883",
	},
	{
		.initiator_private =
			"ecb3a4ac400a4aee07da6b658b0ec53577f25a1be6d4d1b559946cdaf38f19bf",
		.responder_private =
			"78000e640d6e5b705572065e828c8d3da8dd92fc7f3e2c60f971572660804573",
		.initiator_ephemeral =
			"be762f0f03f22a2b23c5752520224ab8b2450650317aaf521bbed85b52cb264c",
		.responder_ephemeral =
			"f15544e8c48e7f853ebd13ef05f29018213663a68801e62006234b3418d09c62",
		.preshared =
			"81472088d590f34c93ae97b7bd89435e6231c3495c7fd7b2a2173ec43326c939",
		.stamp =
			"400000006553f10b01000000",
		.initiator_cookie =
			"",
		.responder_cookie =
			"",
		.initiator_public =
			"17c49319dea810fc178ee9af851a20e7918e5273c0d138f195765d06ea6b8b56",
		.responder_public =
			"c49649e6d1b6093aa9413abeda48276a4bc35a947e62340656f9ceccab38810d",
		.initiator_index =
			"3fbb5c6c",
		.responder_index =
			"95a38e66",
		.initiation =
			"010000003fbb5c6c4a27271c79d384084553b3a0314bc8e4c6ad7c4a37104557756aaf4e9c05"
			"574a028f2a3ba1ce352817a69766df2bdd0bde6390c9fe657e177446aed703884358ef7e57ad"
			"1ac301ff0db6e9dc40df096283319bf7432331defb50644458400a3cf535d1740dd668f109ad"
			"0d21b5d0108bc7ef62e2d156315649a39e9700000000000000000000000000000000",
		.response =
			"0200000095a38e663fbb5c6ce56bb40e948c9d098af87ff7061c12891eeb1b51ea843cd61763"
			"b2ffd7bc68674060e8d2bb4383629d04d9ad35a1d3d70853414602965957730d3ba2abeede4a"
			"00000000000000000000000000000000",
		.initiator_sends =
			"6a1d75553f161d1ceffbc5a20d1f58be84cb7101967ba3546e6bd4e01b64d823",
		.responder_sends =
			"ff8683ac3191ad8a1383ca4ca89efec6f1410bc6ae26bde95885e5b0d0090c52",
		.keepalive =
			"0400000095a38e6600000000000000004df56bdff32b6789dd55708c9e702ade",
		.secret =
			"48b52dda06dcb1ef426717ec0ec5773124162550fbb6d9a3b37cbeeea85f037e",
		.nonce =
			"c1780d53bd337c3855c1b722bcb0ef0b94c0028a9fc3607a",
		.source =
			"c0000201ca6d",
		.cookie =
			"4e01e2c2f427b6dd960ad605be91abaf",
		.reply =
			"030000003fbb5c6cc1780d53bd337c3855c1b722bcb0ef0b94c0028a9fc3607a03eadda3fb8b"
			"4e57545fbdee885168fb8e133fde99ef61b1773cdf3fe37dd546",
	},
	{
		.initiator_private =
			"2c2e5be56e77226beb1f85c66a287bfcae0e48ad5bfbab52fb3cbfbfc5f3dbee",
		.responder_private =
			"f322117dd49c4ca654812dd92d9c2633d19d5ba06e848f3e3fa18ba1163efe0a",
		.initiator_ephemeral =
			"83ba0df57b1ffe075bc702277a9d04083116f58cdef71d5aaf2c27dc900ae380",
		.responder_ephemeral =
			"72bcafaefe23bf54cbeb82372f9784e76d5751ce833f2d68d4454f83f8454a44",
		.preshared =
			"0000000000000000000000000000000000000000000000000000000000000000",
		.stamp =
			"400000006553f10c02000000",
		.initiator_cookie =
			"6904ca287e8dd695efaabb5819d86473",
		.responder_cookie =
			"493fc27af4ddc21b979d00c792754d4d",
		.initiator_public =
			"a391e111b929610e7371b5716614adce583cdc601b856d22b5067a84e139ef7f",
		.responder_public =
			"623471dd048b39dfc4a447c3658e6f3d915dc465bd35ce06e93ba724a805c847",
		.initiator_index =
			"45b5446d",
		.responder_index =
			"5b0826be",
		.initiation =
			"0100000045b5446d2382b94e4ae04272f9223d2ea3a0bcfbe599dcfdc4bb451c34edeea3bf38"
			"874414e47ae76af79284fcfade5675695c789466e448272fc2a0787753730e16672b5c06f88b"
			"8068495e932d6d09509a9c75c3de4cf451aebb2384ee0620e88a631d98b5906696b3eb3aaf55"
			"8eb70c3683973b4eab1759890eec758b2122483523862d47bab71cda750c3bb28c37",
		.response =
			"020000005b0826be45b5446d88d1958487e42f9723fb53dc6726f7c98d80b34d4f25c7f77888"
			"786a6f269c49652a6742f1ef6714f707e90bb58af4c85f58326c41d2f7c94f0687ef33f4b15e"
			"395d3b06b8e767bba2834a2fd240f17e",
		.initiator_sends =
			"8bc131a68d0117702583054f5b8f4ede8604c7005fcec9424c5351f2f888be38",
		.responder_sends =
			"855d3c7162674c816ac9eab0aeedb8126d64e2bae423bb5df4ff34f4b29085c2",
		.keepalive =
			"040000005b0826be0000000000000000734e126419a193bd77c2ebbdf9744d08",
		.secret =
			"2a4a2f3516d68a3bcbd39bc9619d5c5768ddfc0ed77ae335b3c2af4fdf2df3f1",
		.nonce =
			"679343a5ce04384c13a2b9a43060bc3423f91420cd2b51d5",
		.source =
			"c0000201ca6e",
		.cookie =
			"d5397efe179f6e2f4fe99022dde7f8df",
		.reply =
			"0300000045b5446d679343a5ce04384c13a2b9a43060bc3423f91420cd2b51d5e72c2b4e8c2c"
			"2d0b37a71c6cde2210867a3d534520df55b9703886a87b4614fd",
	},
	{
		.initiator_private =
			"89625ae3c0ebf742b16a3800d0ddf2c6654107e657fc7912d3dbb7f4221d55c4",
		.responder_private =
			"20f101e04dba966ddd878c2e7ac246aea1966f5c734573eadddf7d7c5b69e13a",
		.initiator_ephemeral =
			"661a7ba8bc6f34c93ecc003badfdc057815b5eb2e61e812d6296dfd9f9728fb4",
		.responder_ephemeral =
			"046f1575607e64e9e67f056d9f13ef7ec0ce93ef89c4f2090592784fb89afdb8",
		.preshared =
			"925478b2ff74c3fb49de92fbecf84f1a141641a3d5184f4bde379c552ef0a0ec",
		.stamp =
			"400000006553f10d03000000",
		.initiator_cookie =
			"",
		.responder_cookie =
			"",
		.initiator_public =
			"3f89541c552d19c7b1d2f8d114941a6586c7a38481b21fb6f6f65c05dc3d9d59",
		.responder_public =
			"10865f7e8d28ef0de113f1b6ee0391edc2e68a9bf91dbfe7f1f177b3ae860438",
		.initiator_index =
			"929ed65d",
		.responder_index =
			"1e2d2f2b",
		.initiation =
			"01000000929ed65da12f0645b4b01d9ee780073918958e4b29d042eb449b13d5b9fc6d5bee58"
			"ad4baed7a53a86153f9674b2e53830977e21cc109ec4815c44717f774107382347227f0afa7b"
			"bf834ae73aaba11b3a2f4cf49920050879d0267561a24b566542cc42d384867db28f22ec4b32"
			"bfacea2c8a18ad56766fda11d01237ca736f00000000000000000000000000000000",
		.response =
			"020000001e2d2f2b929ed65d5d7ebb287388a2e72409de4d65f96ae6ae1d46a2bbde010308c4"
			"0c3e99c8f3426de1b2403e2166858d5bbad1b60516b036f363c979f3537378628f56c1ac1708"
			"00000000000000000000000000000000",
		.initiator_sends =
			"94ef22c1a434a30ad5ebb83f6f72713090569ba2edcaa467382282a8a00f60fd",
		.responder_sends =
			"02a0b098a8ea1a4f34d5cb3c0d7630f4cc7a99216a10549151aac975ec6c4e5f",
		.keepalive =
			"040000001e2d2f2b0000000000000000a60b0d2fbd2cec087391ec569680f685",
		.secret =
			"95d91d113cc272a1d36eec6a11378ca46edf901acaab6e438fa82a882bd1c98d",
		.nonce =
			"2c554fe0878524f78a80af8bfdd1bcc61cf9f9cda2ec74e8",
		.source =
			"c0000201ca6f",
		.cookie =
			"27813f3f39eab8d7fe2b2c9dfb76f850",
		.reply =
			"03000000929ed65d2c554fe0878524f78a80af8bfdd1bcc61cf9f9cda2ec74e8154d8b343155"
			"201ab2efc768196349b4e29ee616cbc7dd95d6c7ea2147023273",
	},
};
